from __future__ import annotations

import json

import pytest

from drydock import errors
from drydock.publish.credentials import Credentials
from drydock.publish.local import LocalImage
from drydock.publish.push import explain, summary
from drydock.publish.reference import parse
from drydock.publish.registry import OCI_MANIFEST, Manifest

TARGET = parse("registry.example/acme/todo:1.4.2")
DIFFS = tuple(f"sha256:{digit * 64}" for digit in "ab")
BLOBS = tuple(f"sha256:{digit * 64}" for digit in "cd")
SIZES = dict(zip(BLOBS, (100, 20), strict=True))
LOCAL = LocalImage("sha256:1", DIFFS, {}, "linux/amd64", ())
MANIFEST = Manifest(
    OCI_MANIFEST,
    json.dumps(
        {
            "config": {"digest": "sha256:1"},
            "layers": [{"digest": blob, "size": size} for blob, size in SIZES.items()],
        }
    ).encode(),
)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({DIFFS[1][7:19]}, id="the classic store names uncompressed layers"),
        pytest.param({BLOBS[1][7:19], "0123456789ab"}, id="the containerd store names blobs"),
    ],
)
def test_what_was_sent_is_counted_in_compressed_bytes(sent: set[str]) -> None:
    pushed = summary(TARGET, LOCAL, MANIFEST, SIZES, sent)

    assert (pushed.uploaded, pushed.layers_sent, pushed.layers_existing) == (20, 1, 1)
    assert pushed.digest == MANIFEST.digest


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "unauthorized: authentication required",
            "error: registry registry.example refuses user 'ann': unauthorized: authentication required; "
            "log in with `docker login registry.example` and repeat the command",
        ),
        (
            "denied: no",
            "error: registry registry.example denies access to acme/todo: denied: no; "
            "ask for the right to push there, or push to another repository",
        ),
        (
            "dial tcp: lookup registry.example: no such host",
            "error: registry registry.example cannot be reached: "
            "dial tcp: lookup registry.example: no such host; "
            "check its name and the network, then repeat the command",
        ),
        (
            "manifest invalid",
            "error: push of registry.example/acme/todo:1.4.2 failed: manifest invalid; "
            "read the registry's log, then repeat the command: layers that arrived are not sent again",
        ),
    ],
)
def test_each_kind_of_failure_says_what_to_do(message: str, expected: str) -> None:
    assert str(explain(message, TARGET, Credentials("ann", "secret"))) == expected


def test_each_kind_of_failure_has_an_exit_code_of_its_own() -> None:
    codes = [
        kind.exit_code
        for kind in (
            errors.RegistryUnreachable,
            errors.LoginRefused,
            errors.PushDenied,
            errors.PushFailed,
            errors.DigestDiffers,
            errors.RegistryFault,
            errors.DirtyImage,
            errors.MadeBase,
            errors.BadCredentials,
        )
    ]
    assert codes == sorted(set(codes))
