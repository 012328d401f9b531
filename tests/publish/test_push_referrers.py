"""Documents and signatures beside an image on a real registry, read by us and by the field's own tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drydock import command, errors
from drydock.base import Base
from drydock.engine import Engine
from drydock.project.git import Source
from drydock.publish import cosign, provenance, push, seal
from drydock.publish.reference import Reference, parse
from drydock.publish.referrers import Attachment, attach, attached
from tests.support import registry as real
from tests.support.registry import tiny_image

pytestmark = pytest.mark.live

SPDX, CYCLONEDX = "application/spdx+json", "application/vnd.cyclonedx+json"
DOCUMENTS = {SPDX: b'{"spdx": 1}', CYCLONEDX: b'{"cyclonedx": 1}'}
PASSWORD = "opens the key"


@pytest.fixture(autouse=True)
def logged_in(private: real.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = real.docker_configuration(tmp_path / "docker", private.address)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.setenv("COSIGN_PASSWORD", PASSWORD)


@pytest.fixture
def target(engine: Engine, private: real.Registry) -> Iterator[Reference]:
    """An image of its own on the registry, named by its digest."""
    with tiny_image(engine) as image:
        pushed = push.push(engine, f"{private.address}/{image.partition(':')[0]}:1", image=image)
        yield replace(parse(pushed.reference), tag="", digest=pushed.digest)


@pytest.fixture(scope="module")
def program() -> Path:
    return cosign.program()


@pytest.fixture
def key(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private key; the public one lies beside it as ``cosign.pub``."""
    command.run([str(program), "generate-key-pair"], cwd=tmp_path, env={"COSIGN_PASSWORD": PASSWORD})
    return tmp_path / "cosign.key"


def test_what_was_attached_is_read_back(engine: Engine, target: Reference) -> None:
    with push.registry(engine, target) as client:
        first = attach(client, target, target.digest, SPDX, b'{"spdx": 1}')
        second = attach(client, target, target.digest, CYCLONEDX, b'{"cyclonedx": 1}')

        assert attached(client, target, target.digest) == [first, second]
    assert first.media_type == SPDX
    assert second.content == b'{"cyclonedx": 1}'


def test_attaching_again_changes_nothing(engine: Engine, private: real.Registry, target: Reference) -> None:
    with push.registry(engine, target) as client:
        attach(client, target, target.digest, SPDX, b"{}")
        before = private.tags(target.repository)
        attach(client, target, target.digest, SPDX, b"{}")

        assert len(attached(client, target, target.digest)) == 1
    assert private.tags(target.repository) == before


def test_nothing_attached_is_an_empty_list(engine: Engine, target: Reference) -> None:
    with push.registry(engine, target) as client:
        assert attached(client, target, target.digest) == []


def test_nothing_can_be_attached_to_what_is_not_there(engine: Engine, target: Reference) -> None:
    with push.registry(engine, target) as client, pytest.raises(errors.DigestDiffers, match="missing"):
        attach(client, target, "sha256:" + "ab" * 32, SPDX, b"{}")


def test_a_document_that_was_changed_on_the_registry_is_refused(
    engine: Engine, private: real.Registry, target: Reference
) -> None:
    content = b'{"document": "%s"}' % target.digest.encode()
    with push.registry(engine, target) as client:
        attach(client, target, target.digest, SPDX, content)
        (stored,) = [
            path
            for path in private.storage.glob("docker/registry/v2/blobs/sha256/*/*/data")
            if path.read_bytes() == content
        ]
        stored.write_bytes(content.replace(b"document", b"tampered"))
        with pytest.raises(errors.RegistryFault, match="the content's digest is"):
            attached(client, target, target.digest)


def test_oras_finds_what_was_attached(
    engine: Engine, private: real.Registry, target: Reference, tmp_path: Path
) -> None:
    with push.registry(engine, target) as client:
        document: Attachment = attach(client, target, target.digest, SPDX, b"{}")
    oras = real.debian_program("oras", cosign.RELEASE)

    found = command.run([oras, "discover", "--insecure", "--format=json", str(target)], cwd=tmp_path).stdout

    (entry,) = json.loads(found)["manifests"]
    assert (entry["digest"], entry["artifactType"]) == (document.digest, SPDX)


def test_what_was_signed_is_verified(program: Path, target: Reference, key: Path) -> None:
    cosign.sign(program, target, key=str(key), insecure=True)

    cosign.verify(program, target, key=str(key.with_suffix(".pub")), insecure=True)


def test_an_attached_document_is_signed_like_an_image(
    engine: Engine, program: Path, target: Reference, key: Path
) -> None:
    with push.registry(engine, target) as client:
        document = attach(client, target, target.digest, SPDX, b"{}")
    signed = replace(target, digest=document.digest)

    cosign.sign(program, signed, key=str(key), insecure=True)

    cosign.verify(program, signed, key=str(key.with_suffix(".pub")), insecure=True)
    with push.registry(engine, target) as client:
        assert attached(client, target, target.digest) == [document]


def test_what_nobody_signed_is_not_verified(program: Path, target: Reference, key: Path) -> None:
    public = key.with_suffix(".pub")

    with pytest.raises(errors.NotVerified) as caught:
        cosign.verify(program, target, key=str(public), insecure=True)
    assert str(caught.value).startswith(f"error: {target} has no signature that the key {public} made: ")
    assert str(caught.value).endswith("; do not deploy it; sign it with `drydock sign` if it is yours")


def test_another_key_does_not_verify(program: Path, target: Reference, key: Path, tmp_path: Path) -> None:
    cosign.sign(program, target, key=str(key), insecure=True)
    other = tmp_path / "other"
    other.mkdir()
    command.run([str(program), "generate-key-pair"], cwd=other)

    with pytest.raises(errors.NotVerified):
        cosign.verify(program, target, key=str(other / "cosign.pub"), insecure=True)


def test_a_signature_of_one_image_does_not_verify_another(
    engine: Engine, program: Path, private: real.Registry, target: Reference, key: Path
) -> None:
    cosign.sign(program, target, key=str(key), insecure=True)
    with tiny_image(engine) as image:
        other = parse(push.push(engine, f"{target.name}:other", image=image).reference)
    digest = private.tags(target.repository)["other"]
    # Whoever can write to the registry can copy a signature, but not make it fit.
    with push.registry(engine, target) as client:
        signature = client.manifest(target.repository, f"{target.digest.replace(':', '-')}.sig")
        assert signature is not None
        client.put_manifest(target.repository, f"{digest.replace(':', '-')}.sig", signature)

    with pytest.raises(errors.NotVerified):
        cosign.verify(
            program, replace(other, tag="", digest=digest), key=str(key.with_suffix(".pub")), insecure=True
        )


def test_a_wrong_password_of_the_key_signs_nothing(
    program: Path, private: real.Registry, target: Reference, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")

    with pytest.raises(errors.SigningFailed) as caught:
        cosign.sign(program, target, key=str(key), insecure=True)
    assert str(caught.value).startswith(f"error: {target} was not signed: ")
    assert list(private.tags(target.repository)) == ["1"]


def test_the_provenance_of_a_build_is_attached_and_read_back(engine: Engine, target: Reference) -> None:
    base = Base("python:3.13-slim", "sha256:" + "cd" * 32, "local", "it is on the engine")
    build = provenance.observed(engine, "production", {"PORT": "8000"})
    document = provenance.statement(target, provenance.predicate(Source(), base, build))
    with push.registry(engine, target) as client:
        attach(client, target, target.digest, provenance.MEDIA_TYPE, document)
        (found,) = attached(client, target, target.digest)

    read = json.loads(found.content)
    assert read["subject"] == [{"name": target.name, "digest": {"sha256": target.digest[7:]}}]
    versions = read["predicate"]["runDetails"]["builder"]["version"]
    assert versions["docker-engine"] == engine.sdk.version()["Version"]
    assert versions["docker-buildx"]


def test_a_sealed_image_is_verified_with_all_its_documents(
    engine: Engine, target: Reference, key: Path
) -> None:
    sealed = seal.seal(engine, target, DOCUMENTS, key=str(key))

    assert seal.verify(engine, target, key=str(key.with_suffix(".pub"))) == sealed
    assert {one.media_type: one.content for one in sealed} == DOCUMENTS


def test_sealing_again_signs_nothing_again(
    engine: Engine, private: real.Registry, target: Reference, key: Path
) -> None:
    seal.seal(engine, target, DOCUMENTS, key=str(key))
    before = private.tags(target.repository)
    said: list[str] = []

    seal.seal(engine, target, DOCUMENTS, key=str(key), say=said.append)

    assert private.tags(target.repository) == before
    assert said == []


def test_a_document_that_somebody_else_attached_is_not_verified(
    engine: Engine, target: Reference, key: Path
) -> None:
    seal.seal(engine, target, DOCUMENTS, key=str(key))
    with push.registry(engine, target) as client:
        foreign = attach(client, target, target.digest, SPDX, b'{"spdx": "another"}')

    with pytest.raises(errors.NotVerified) as caught:
        seal.verify(engine, target, key=str(key.with_suffix(".pub")))
    assert foreign.digest in str(caught.value)


def test_sealing_goes_on_where_it_failed(
    engine: Engine, target: Reference, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    with pytest.raises(errors.KeyUnusable):
        seal.seal(engine, target, DOCUMENTS, key=str(key))
    monkeypatch.setenv("COSIGN_PASSWORD", PASSWORD)

    seal.seal(engine, target, DOCUMENTS, key=str(key))

    assert len(seal.verify(engine, target, key=str(key.with_suffix(".pub")))) == 2
