"""Signed statements about an image on a real registry, written and read by cosign 2 and 3."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from drydock import command
from drydock.base import Base
from drydock.build import Options
from drydock.engine import Engine
from drydock.project.git import Checkout
from drydock.publish import attach, cosign, provenance, push
from drydock.publish.attach import SIGNED, Attestation
from drydock.publish.cosign import SIGNATURE, Cosign
from drydock.publish.errors import KeyUnusable, NotVerified, RegistryFault, SigningFailed
from drydock.publish.reference import Reference, parse
from drydock.publish.registry import OCI_INDEX
from drydock.publish.vex import OPENVEX
from drydock.state.receipts import Waiver
from tests.conftest import ROOT
from tests.support import registry as real
from tests.support import sigstore
from tests.support.registry import tiny_image

pytestmark = pytest.mark.live

SPDX, CYCLONEDX = "https://spdx.dev/Document", "https://cyclonedx.org/bom"
DOCUMENTS = {SPDX: b'{"spdx": 1}', CYCLONEDX: b'{"cyclonedx": "<&>"}', OPENVEX: b'{"openvex": [1]}'}
# Each use of a key takes a fifth of a second: enough for tests that are not about the documents.
ONE = {SPDX: DOCUMENTS[SPDX]}
PASSWORD = "opens the key"
BASE = Base("python:3.13-slim", "sha256:" + "cd" * 32, "local", "it is on the engine")
# Debian's releases with cosign 2 and 3.
RELEASES = {"2": cosign.RELEASE, "3": "forky"}
BOTH = ["2", pytest.param("3", marks=pytest.mark.acceptance)]


def program_of(version: str) -> Path:
    return real.debian_folder("cosign", RELEASES[version]) / "usr/bin/cosign"


@pytest.fixture(autouse=True)
def logged_in(private: real.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = real.docker_configuration(tmp_path / "docker", private.address)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.setenv("COSIGN_PASSWORD", PASSWORD)


@pytest.fixture(params=BOTH)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's cosign: version 2, then version 3."""
    found = program_of(request.param)
    monkeypatch.setenv("PATH", str(found.parent), prepend=":")
    return found


@pytest.fixture
def target(engine: Engine, private: real.Registry) -> Iterator[Reference]:
    """A new image on the registry, named by its digest."""
    with tiny_image(engine) as image:
        yield pushed(engine, private, image)


def pushed(engine: Engine, private: real.Registry, image: str) -> Reference:
    done = push.push(engine, f"{private.address}/{image.partition(':')[0]}:1", image=image)
    return replace(parse(done.reference), tag="", digest=done.digest)


@dataclass(frozen=True)
class Signed:
    target: Reference
    documents: list[Attestation]


@pytest.fixture(scope="module")
def shelf() -> Iterator[tuple[dict[Path, Signed], contextlib.ExitStack]]:
    """Signed images by their cosign, and the stack that removes them."""
    with contextlib.ExitStack() as stack:
        yield {}, stack


@pytest.fixture
def attested(
    engine: Engine,
    private: real.Registry,
    program: Path,
    key: Path,
    shelf: tuple[dict[Path, Signed], contextlib.ExitStack],
) -> Signed:
    """An image that this cosign has signed with all documents, for tests that only read it."""
    known, stack = shelf
    if program not in known:
        target = pushed(engine, private, stack.enter_context(tiny_image(engine)))
        known[program] = Signed(target, signed(engine, target, key))
    return known[program]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; the public key is beside it as ``cosign.pub``."""
    return key_pair(tmp_path_factory.mktemp("key"))


def key_pair(folder: Path) -> Path:
    command.run([str(program_of("2")), "generate-key-pair"], cwd=folder, env={"COSIGN_PASSWORD": PASSWORD})
    return folder / "cosign.key"


def listed(engine: Engine, target: Reference) -> list[Attestation]:
    with push.registry(engine, target) as client:
        return attach.attestations(client, target)


def signed(
    engine: Engine, target: Reference, key: Path, documents: Mapping[str, bytes] = DOCUMENTS
) -> list[Attestation]:
    return attach.attach(engine, target, {**documents, **SIGNED}, key=str(key))


def public(key: Path) -> str:
    return str(key.with_suffix(".pub"))


def test_an_image_is_verified_with_all_its_documents(engine: Engine, attested: Signed, key: Path) -> None:
    *documents, signature = attested.documents

    assert signature.kind == SIGNATURE
    assert {one.kind: one.predicate for one in documents} == {
        kind: json.loads(content) for kind, content in DOCUMENTS.items()
    }
    found = attach.verify(engine, attested.target, key=public(key))
    assert {one.digest for one in found} == {one.digest for one in documents}


@pytest.mark.parametrize("other", BOTH)
def test_each_cosign_reads_what_each_has_signed(
    engine: Engine, attested: Signed, key: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program_of(other).parent), prepend=":")

    assert len(attach.verify(engine, attested.target, key=public(key))) == len(DOCUMENTS)


@pytest.mark.parametrize("other", BOTH)
def test_cosign_itself_verifies_the_attestations(
    attested: Signed, key: Path, other: str, tmp_path: Path
) -> None:
    target = attested.target
    root = tmp_path / "root"
    root.write_text(json.dumps(cosign.NO_SERVICES["trusted-root"]))
    form = ["--new-bundle-format"] if other == "2" else []
    how = [f"--key={public(key)}", "--insecure-ignore-tlog=true", f"--trusted-root={root}"]
    plain = ["--allow-insecure-registry"]

    for short, kind in (("spdxjson", SPDX), ("cyclonedx", CYCLONEDX), ("openvex", OPENVEX)):
        done = command.run(
            [
                str(program_of(other)),
                "verify-attestation",
                *form,
                *how,
                *plain,
                f"--type={short}",
                f"{target.name}@{target.digest}",
            ]
        )
        statement = json.loads(base64.b64decode(json.loads(done.stdout.splitlines()[0])["payload"]))
        assert statement["predicate"] == json.loads(DOCUMENTS[kind])
        assert statement["subject"][0]["digest"] == {"sha256": target.digest.partition(":")[2]}


@pytest.mark.parametrize("waiver", [None, Waiver("it is urgent", ("audit",), "", "", 0.0)])
def test_the_documented_policy_admits_a_provenance_unless_a_gate_was_missing(
    engine: Engine, program: Path, target: Reference, key: Path, waiver: Waiver | None, tmp_path: Path
) -> None:
    """cosign evaluates a policy's CUE as sigstore's policy-controller does."""
    made = provenance.predicate(Checkout(), BASE, Options("production"), provenance.builder_of(engine))
    attach.attach(
        engine, target, {provenance.PREDICATE_TYPE: provenance.stated(made, waiver)} | SIGNED, key=str(key)
    )
    [text] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/how-to/release.md").read_text(), re.DOTALL)
    [authority] = yaml.safe_load(text)["spec"]["authorities"]
    [asked] = authority["attestations"]
    (tmp_path / "policy.cue").write_text(asked["policy"]["data"])
    (tmp_path / "root").write_text(json.dumps(cosign.NO_SERVICES["trusted-root"]))
    form = ["--new-bundle-format"] if program == program_of("2") else []
    how = [f"--key={public(key)}", "--insecure-ignore-tlog=true", f"--trusted-root={tmp_path / 'root'}"]

    done = command.run(
        [
            *(str(program), "verify-attestation", *form, *how, "--allow-insecure-registry"),
            *(f"--type={asked['predicateType']}", f"--policy={tmp_path / 'policy.cue'}"),
            f"{target.name}@{target.digest}",
        ],
        check=False,
    )

    assert (done.code == 0) is (waiver is None), done.stderr
    assert ("validation error" in done.stderr) is (waiver is not None)


def test_a_signature_of_cosign_2_alone_is_verified(
    engine: Engine, program: Path, target: Reference, key: Path
) -> None:
    own = [str(program_of("2")), "sign", "--yes", f"--key={key}", "--tlog-upload=false"]
    command.run([*own, "--allow-insecure-registry", f"{target.name}@{target.digest}"])

    assert attach.verify(engine, target, key=public(key)) == []


def test_signing_again_changes_nothing(
    engine: Engine, private: real.Registry, attested: Signed, key: Path
) -> None:
    target, first = attested.target, attested.documents
    before, said = private.tags(target.repository), list[str]()

    again = attach.attach(engine, target, DOCUMENTS | SIGNED, key=str(key), say=said.append)

    assert (again, said) == (first, [])
    assert private.tags(target.repository) == before


def test_a_journal_tells_what_is_ours_where_no_key_can(
    engine: Engine, target: Reference, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signatures in the journal are not made again, even without a key."""
    first = signed(engine, target, key, ONE)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(cosign, "program", lambda _: Path("/nonexistent/cosign"))

    again = attach.attach(engine, target, ONE | SIGNED, ours=[one.digest for one in first])

    assert again == first


def test_documents_without_a_signature_of_the_image_are_not_enough(
    engine: Engine, program: Path, target: Reference, key: Path
) -> None:
    """cosign 3's own `verify` would accept an attestation as a signature."""
    attach.attach(engine, target, ONE, key=str(key))

    with pytest.raises(NotVerified):
        attach.verify(engine, target, key=public(key))


def test_an_unsigned_image_is_not_verified(
    engine: Engine, program: Path, target: Reference, key: Path
) -> None:
    with pytest.raises(NotVerified) as caught:
        attach.verify(engine, target, key=public(key))
    assert str(caught.value).startswith(f"error: {target} has no signature by the key {public(key)}: ")
    assert str(caught.value).endswith("; do not deploy it; sign it with `drydock sign` if it is yours")


def test_another_key_does_not_verify(engine: Engine, attested: Signed, tmp_path: Path) -> None:
    with pytest.raises(NotVerified):
        attach.verify(engine, attested.target, key=public(key_pair(tmp_path)))


def test_a_missing_key_is_not_a_missing_signature(engine: Engine, target: Reference, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="there is no such file"):
        attach.verify(engine, target, key=str(tmp_path / "cosign.pub"))


def test_a_second_signer_does_no_harm_and_its_document_is_not_taken_for_ours(
    engine: Engine, program: Path, target: Reference, key: Path, tmp_path: Path
) -> None:
    signed(engine, target, key, ONE)
    other = key_pair(tmp_path)
    attach.attach(engine, target, SIGNED, key=str(other))

    assert len(attach.verify(engine, target, key=public(key))) == len(ONE)

    (foreign,) = attach.attach(engine, target, {SPDX: b'{"spdx": "another"}'}, key=str(other))
    with pytest.raises(NotVerified) as caught:
        attach.verify(engine, target, key=public(key))
    assert foreign.digest in str(caught.value)


def test_a_signature_of_one_image_does_not_verify_another(
    engine: Engine, program: Path, private: real.Registry, target: Reference, key: Path
) -> None:
    """Anyone with write access can copy a bundle, but a copy does not match the other image."""
    (signature,) = signed(engine, target, key, {})
    with tiny_image(engine) as image:
        push.push(engine, f"{target.name}:other", image=image)
    digest = private.tags(target.repository)["other"]
    with push.registry(engine, target) as client:
        content = client.manifest(target.repository, signature.digest)
        assert content is not None
        document = {**content.document, "subject": {**content.document["subject"], "digest": digest}}
        copied = replace(content, content=json.dumps(document).encode())
        client.put_manifest(target.repository, copied.digest, copied)
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [copied.descriptor]}
        made = replace(content, media_type=OCI_INDEX, content=json.dumps(index).encode())
        client.put_manifest(target.repository, digest.replace(":", "-"), made)
    other = target.with_digest(digest)
    assert [one.kind for one in listed(engine, other)] == [SIGNATURE]

    with pytest.raises(NotVerified):
        attach.verify(engine, other, key=public(key))


def test_a_statement_that_was_changed_on_the_registry_is_refused(
    engine: Engine, private: real.Registry, target: Reference, key: Path
) -> None:
    (first,) = attach.attach(engine, target, ONE, key=str(key))
    (stored,) = [
        path
        for path in private.storage.glob("docker/registry/v2/blobs/sha256/*/*/data")
        if path.read_bytes() == first.bundle
    ]
    stored.write_bytes(first.bundle.replace(b"payload", b"PAYLOAD"))

    with pytest.raises(RegistryFault, match="the content's digest is"):
        listed(engine, target)


def test_a_wrong_password_of_the_key_signs_nothing(
    engine: Engine,
    private: real.Registry,
    program: Path,
    target: Reference,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")

    with pytest.raises(SigningFailed) as caught:
        Cosign(program, str(key), insecure=True).sign(target)
    assert str(caught.value).startswith(f"error: {target} was not signed: ")
    with pytest.raises(KeyUnusable):
        signed(engine, target, key)
    assert list(private.tags(target.repository)) == ["1"]


def test_signing_goes_on_where_it_failed(
    engine: Engine, program: Path, target: Reference, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach.attach(engine, target, ONE, key=str(key))
    said: list[str] = []

    attach.attach(engine, target, DOCUMENTS | SIGNED, key=str(key), say=said.append)

    assert [line.rpartition(", ")[2] for line in said] == [CYCLONEDX, OPENVEX, SIGNATURE]
    assert len(attach.verify(engine, target, key=public(key))) == len(DOCUMENTS)


def test_oras_finds_what_was_attached(
    engine: Engine, private: real.Registry, target: Reference, key: Path, tmp_path: Path
) -> None:
    (document,) = attach.attach(engine, target, ONE, key=str(key))
    oras = real.debian_program("oras", cosign.RELEASE)

    found = command.run([oras, "discover", "--insecure", "--format=json", str(target)], cwd=tmp_path).stdout

    assert [entry["digest"] for entry in json.loads(found)["manifests"]] == [document.digest]


def test_the_provenance_of_a_build_is_attached_and_read_back(
    engine: Engine, program: Path, target: Reference, key: Path
) -> None:
    options = Options("production", build_args={"PORT": "8000"})
    made = provenance.predicate(Checkout(), BASE, options, provenance.builder_of(engine))
    stated = provenance.stated(made)

    (found,) = attach.attach(engine, target, {provenance.PREDICATE_TYPE: stated}, key=str(key))

    assert found.predicate == json.loads(stated)
    versions = found.predicate["runDetails"]["builder"]["version"]
    assert versions["docker-engine"] == engine.sdk.version()["Version"]
    assert versions["docker-buildx"]


@contextlib.contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a proxy that refuses all connections, and the list of requests to it."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        asked.append(connection.recv(1024).decode("latin-1").partition("\r\n")[0])
                        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)


def test_with_a_key_no_other_address_than_the_registrys_is_asked(
    engine: Engine, program: Path, target: Reference, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy() as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("HTTP_PROXY", address)

        signed(engine, target, key, ONE)
        attach.verify(engine, target, key=public(key))

        assert asked == []
        # Without drydock's options, the same cosign contacts the public services.
        bare = [str(program), "sign", "--yes", f"--key={key}", "--allow-insecure-registry"]
        command.run([*bare, f"{target.name}@{target.digest}"], check=False)
        assert [line for line in asked if "sigstore.dev" in line]


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(sigstore.GITHUB, id="github"),
        pytest.param(sigstore.GITLAB, id="gitlab", marks=pytest.mark.acceptance),
    ],
)
def test_without_a_key_the_jobs_identity_signs(
    engine: Engine,
    program: Path,
    target: Reference,
    job: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # cosign 2 verifies an identity only with the public deployment's keys.
    reader = program_of("3")
    with sigstore.services(tmp_path, reader) as public:
        for name, value in {**public.variables, **public.identity(job)}.items():
            monkeypatch.setenv(name, value)

        with monkeypatch.context() as signing:
            for name, value in public.keys.items() if program != reader else ():
                signing.setenv(name, value)
            attach.attach(engine, target, DOCUMENTS | SIGNED)

        assert set(public.certified) == {job["subject"]}
        monkeypatch.setenv("PATH", str(reader.parent), prepend=":")
        who = cosign.Identity(job["subject"], job["iss"])
        assert {one.kind for one in attach.verify(engine, target, identity=who)} == set(DOCUMENTS)
        with pytest.raises(NotVerified):
            attach.verify(engine, target, identity=replace(who, subject="https://github.com/else/where"))
