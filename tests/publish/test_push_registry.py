"""The registry client, against real registries and through a proxy with accidents."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from drydock.publish.credentials import Credentials
from drydock.publish.errors import (
    LoginRefused,
    PushDenied,
    RegistryFailed,
    RegistryFault,
    RegistryUnreachable,
)
from drydock.publish.event import Retry
from drydock.publish.reference import parse
from drydock.publish.registry import OCI_INDEX, OCI_MANIFEST, Manifest, Registry
from tests.support import registry as real
from tests.support.process import free_port
from tests.support.registry import CUT, PASSWORD, USER, Accident

pytestmark = pytest.mark.live

KNOWN = Credentials(USER, PASSWORD)
ANONYMOUS = Credentials()
INDEX = Manifest(
    OCI_INDEX, json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
)


def client(
    address: str,
    credentials: Credentials = ANONYMOUS,
    *,
    insecure: bool = True,
    certificates: Path = Path("/nonexistent"),
    told: list[Retry] | None = None,
) -> Registry:
    return Registry(
        parse(f"{address}/todo"),
        credentials,
        insecure=insecure,
        certificates=certificates,
        waits=(0.01, 0.01),
        tell=(told if told is not None else []).append,
    )


@pytest.fixture(scope="module")
def tokens() -> Iterator[real.Registry]:
    with real.token_registry() as running:
        yield running


def test_what_was_put_under_a_tag_is_found_there(plain: real.Registry) -> None:
    with client(plain.address) as registry:
        registry.put_manifest("todo", "1.4.2", INDEX)

        assert registry.manifest("todo", "1.4.2") == INDEX
        assert registry.manifest("todo", INDEX.digest) == INDEX
        assert registry.tags("todo") == ["1.4.2"]
    assert plain.tags("todo") == {"1.4.2": INDEX.digest}


def test_what_is_not_there_is_none(plain: real.Registry) -> None:
    with client(plain.address) as registry:
        assert registry.manifest("nothing", "1") is None
        assert registry.tags("nothing") == []


def test_a_manifest_whose_layers_are_missing_is_refused(plain: real.Registry) -> None:
    layer = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": "sha256:" + "ab" * 32,
        "size": 1,
    }
    config = layer | {"mediaType": "application/vnd.oci.image.config.v1+json"}
    content = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}

    with client(plain.address) as registry, pytest.raises(RegistryFault) as caught:
        registry.put_manifest("partial", "1", Manifest(OCI_MANIFEST, json.dumps(content).encode()))
    assert str(caught.value).startswith(
        f"error: registry {plain.address} answered 400 to PUT /v2/partial/manifests/1: "
    )


def test_a_password_opens_a_private_registry(private: real.Registry) -> None:
    with client(private.address, KNOWN) as registry:
        registry.put_manifest("todo", "1", INDEX)

        assert registry.tags("todo") == ["1"]


@pytest.mark.parametrize(
    ("credentials", "who"),
    [(replace(KNOWN, password="wrong"), f"user {USER!r}"), (ANONYMOUS, "an anonymous user")],
)
def test_a_wrong_password_is_refused_once(private: real.Registry, credentials: Credentials, who: str) -> None:
    told: list[Retry] = []
    with (
        client(private.address, credentials, told=told) as registry,
        pytest.raises(LoginRefused) as caught,
    ):
        registry.manifest("todo", "1")
    assert str(caught.value) == (
        f"error: registry {private.address} refuses {who}: authentication required; "
        f"log in with `docker login {private.address}` and repeat the command"
    )
    assert told == []


def test_a_token_opens_a_registry_that_wants_one(tokens: real.Registry) -> None:
    with client(tokens.address, KNOWN) as registry:
        registry.put_manifest("todo", "1", INDEX)

        assert registry.manifest("todo", "1") == INDEX


def test_who_gets_no_token_is_refused(tokens: real.Registry) -> None:
    with (
        client(tokens.address, replace(KNOWN, password="wrong")) as registry,
        pytest.raises(LoginRefused, match="who are you"),
    ):
        registry.manifest("todo", "1")


def test_a_certificate_is_verified_against_the_engines_own_authorities(
    private: real.Registry, tmp_path: Path
) -> None:
    folder = tmp_path / private.address
    folder.mkdir()
    assert private.authority is not None
    shutil.copy(private.authority, folder / "ca.crt")

    with client(private.address, KNOWN, insecure=False, certificates=tmp_path) as registry:
        assert registry.manifest("todo", "nothing") is None


def test_an_unknown_authority_ends_it_at_once(private: real.Registry) -> None:
    told: list[Retry] = []
    with (
        client(private.address, KNOWN, insecure=False, told=told) as registry,
        pytest.raises(RegistryUnreachable, match="its certificate is not trusted"),
    ):
        registry.manifest("todo", "1")
    assert told == []


def test_a_secure_registry_is_never_asked_without_tls(plain: real.Registry) -> None:
    with (
        client(plain.address, insecure=False) as registry,
        pytest.raises(RegistryUnreachable),
    ):
        registry.manifest("todo", "1.4.2")


def test_an_unreachable_registry_is_tried_again_and_named() -> None:
    told: list[Retry] = []
    address = f"{real.LOOPBACK}:{free_port()}"
    with client(address, told=told) as registry, pytest.raises(RegistryUnreachable) as caught:
        registry.manifest("todo", "1")
    assert f"registry {address} cannot be reached" in str(caught.value)
    assert "(3 attempts)" in str(caught.value)
    assert len(told) == 2


@pytest.mark.parametrize("answer", [CUT, 500, 503])
def test_a_passing_fault_is_survived(plain: real.Registry, answer: int) -> None:
    told: list[Retry] = []
    with (
        real.road(plain, Accident("PUT", "/manifests/", answer)) as road,
        client(road.address, told=told) as registry,
    ):
        registry.put_manifest("survived", "1", INDEX)
    assert len(told) == 1
    assert plain.tags("survived")["1"] == INDEX.digest


@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_says_when_to_come_again(plain: real.Registry, status: int) -> None:
    told: list[Retry] = []
    busy = Accident("PUT", "/manifests/", status, headers={"Retry-After": "1"})
    with real.road(plain, busy) as road, client(road.address, told=told) as registry:
        began = time.monotonic()
        registry.put_manifest(f"busy-{status}", "1", INDEX)
        taken = time.monotonic() - began

    assert [one.wait for one in told] == [1.0]
    assert taken >= 1.0
    assert plain.tags(f"busy-{status}")["1"] == INDEX.digest


def test_a_registry_may_name_a_date(plain: real.Registry) -> None:
    told: list[Retry] = []
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    busy = Accident("PUT", "/manifests/", 429, headers={"Retry-After": moment})
    with real.road(plain, busy) as road, client(road.address, told=told) as registry:
        registry.put_manifest("dated", "1", INDEX)

    assert [0.0 < one.wait <= 2.0 for one in told] == [True]


def test_a_registry_that_stays_busy_is_named(plain: real.Registry) -> None:
    with (
        real.road(plain, Accident("PUT", "/manifests/", 429, times=9)) as road,
        client(road.address) as registry,
        pytest.raises(RegistryFailed, match=r"status 429: arranged 429 \(3 attempts\)"),
    ):
        registry.put_manifest("throttled", "1", INDEX)


def test_denied_is_not_tried_again(plain: real.Registry) -> None:
    told: list[Retry] = []
    with (
        real.road(plain, Accident("PUT", "/manifests/", 403, times=9)) as road,
        client(road.address, told=told) as registry,
        pytest.raises(PushDenied) as caught,
    ):
        registry.put_manifest("denied", "1", INDEX)
    assert str(caught.value) == (
        f"error: registry {road.address} denies access to denied: arranged 403; "
        "ask for permission to push there, or push to another repository"
    )
    assert told == []


def test_a_registry_that_answers_with_other_content_is_not_believed(plain: real.Registry) -> None:
    other = Manifest(OCI_INDEX, INDEX.content + b"\n")
    with client(plain.address) as registry:
        registry.put_manifest("forged", "1", INDEX)
        revision = plain.storage / "docker/registry/v2/blobs/sha256" / INDEX.digest[7:9] / INDEX.digest[7:]
        (revision / "data").write_bytes(other.content)
        try:
            with pytest.raises(RegistryFault, match=f"the content's digest is {other.digest}"):
                registry.manifest("forged", INDEX.digest)
        finally:
            (revision / "data").write_bytes(INDEX.content)
