from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from drydock import errors
from drydock.engine import install
from drydock.publish import cosign
from drydock.publish.cosign import Identity, sign_arguments, verify_arguments
from drydock.publish.reference import parse

COSIGN = Path("/usr/bin/cosign")
DIGEST = "sha256:" + "ab" * 32
TARGET = parse(f"ghcr.io/acme/todo:1.4.2@{DIGEST}")


def test_a_key_signs_without_the_public_log() -> None:
    assert sign_arguments(COSIGN, TARGET, key="cosign.key", insecure=False) == [
        "/usr/bin/cosign",
        "sign",
        "--yes",
        "--key=cosign.key",
        "--tlog-upload=false",
        f"ghcr.io/acme/todo@{DIGEST}",
    ]


def test_without_a_key_the_public_log_is_told() -> None:
    assert sign_arguments(COSIGN, TARGET, key="", insecure=False) == [
        "/usr/bin/cosign",
        "sign",
        "--yes",
        f"ghcr.io/acme/todo@{DIGEST}",
    ]


def test_an_insecure_registry_is_spoken_to_as_the_engine_does() -> None:
    arguments = sign_arguments(COSIGN, TARGET, key="cosign.key", insecure=True)

    assert arguments[-3:-1] == ["--allow-insecure-registry", "--allow-http-registry"]


def test_an_identity_is_verified_with_its_issuer() -> None:
    identity = Identity("ann@example.com", "https://accounts.example.com")

    assert verify_arguments(COSIGN, TARGET, key="", identity=identity, insecure=False) == [
        "/usr/bin/cosign",
        "verify",
        "--output=json",
        "--certificate-identity=ann@example.com",
        "--certificate-oidc-issuer=https://accounts.example.com",
        f"ghcr.io/acme/todo@{DIGEST}",
    ]


def test_a_signature_of_anybody_is_none() -> None:
    with pytest.raises(ValueError, match="against a key or an identity"):
        verify_arguments(COSIGN, TARGET, key="", identity=None, insecure=False)


@pytest.mark.parametrize(
    ("subject", "issuer", "how"),
    [
        ("", "", "add --key, or --identity with --issuer"),
        ("", "https://accounts.example.com", "add --key, or --identity with --issuer"),
        ("ann@example.com", "", "add --issuer, who vouches for it"),
    ],
)
def test_who_must_have_signed_has_to_be_said(subject: str, issuer: str, how: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        Identity.given("", subject, issuer)
    assert str(caught.value) == f"error: `drydock verify`: as it stands, anybody's signature would do; {how}"


def test_a_key_says_who_signed() -> None:
    assert Identity.given("cosign.pub", "", "") is None
    assert Identity.given("", "ann@example.com", "https://accounts.example.com") == Identity(
        "ann@example.com", "https://accounts.example.com"
    )


def double(folder: Path, script: str) -> Path:
    """Return a program in cosign's place."""
    program = folder / "cosign"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_without_a_key_the_user_sees_where_to_say_who_they_are(tmp_path: Path) -> None:
    said: list[str] = []
    asking = double(tmp_path, "echo 'Go to https://oauth2.example/device and enter ABCD' >&2")

    cosign.sign(asking, TARGET, say=said.append)

    assert said == ["Go to https://oauth2.example/device and enter ABCD"]


def test_without_a_key_and_a_network_signing_fails_in_cosigns_words(tmp_path: Path) -> None:
    words = "signing: getting signer: no route to host"
    offline = double(
        tmp_path, f"echo 'Error: {words}' >&2; echo 'error during command execution: {words}' >&2; exit 1"
    )

    with pytest.raises(errors.SigningFailed) as caught:
        cosign.sign(offline, TARGET)
    assert str(caught.value) == (
        f"error: {TARGET} was not signed: signing: getting signer: no route to host; "
        "check the key, or without one the network to the identity provider, and repeat the command"
    )


def test_a_tag_is_never_signed() -> None:
    with pytest.raises(ValueError, match="names no digest"):
        sign_arguments(COSIGN, parse("todo:1"), key="cosign.key", insecure=False)


def test_where_cosign_cannot_be_fetched_the_reason_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(install, "is_debian_family", lambda: False)

    with pytest.raises(errors.CosignNotInstalled, match="cannot be fetched here: apt here knows no Debian"):
        cosign.program()
