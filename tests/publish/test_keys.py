"""Key pairs made by cosign 2 and 3: in files, in a Kubernetes Secret and in AWS' KMS, by doubles of both."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drydock.errors import BadCommandLine, NotWritten
from drydock.publish import cosign, keys
from drydock.publish.errors import CosignLacks, KeyNotMade, KeyUnusable
from tests.support import certificates
from tests.support.registry import debian_folder

RELEASES = {"2": cosign.RELEASE, "3": "forky"}
Answer = Callable[[str, bytes], tuple[int, bytes]]


@pytest.fixture(params=RELEASES)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(keys.PASSWORD, "opens it")
    return debian_folder("cosign", RELEASES[request.param]) / "usr/bin/cosign"


@contextlib.contextmanager
def service(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a service that answers to a path or an action, and a body; yield its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, content = answer(self.headers["X-Amz-Target"] or self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", self.headers["Content-Type"] or "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the server's name

        def log_message(self, *_args: object) -> None:
            """Discard the line."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.live
def test_a_pair_opens_with_its_password_and_only_its_owner_reads_it(program: Path, tmp_path: Path) -> None:
    private, public = keys.make(program, str(tmp_path / "release"))

    assert (private.name, public.name) == ("release.key", "release.pub")
    assert private.stat().st_mode & 0o777 == 0o600
    with cosign.public_key(program, str(private)) as found:
        assert Path(found).read_bytes() == public.read_bytes()


@pytest.mark.live
def test_a_pair_does_not_open_with_another_password(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, _ = keys.make(program, str(tmp_path / "release"))
    monkeypatch.setenv(keys.PASSWORD, "another")

    with pytest.raises(KeyUnusable, match="decrypt"), cosign.public_key(program, str(private)):
        pass


@pytest.mark.live
def test_a_private_key_can_be_made_in_a_kubernetes_secret(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def cluster(path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/version":
            return 200, b'{"gitVersion": "v1.36.4"}'
        if not body:
            gone = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            return 404, json.dumps(gone).encode()
        made.append(body)
        return 201, body

    with service(cluster) as address:
        monkeypatch.setenv("KUBECONFIG", str(configuration(tmp_path, address)))
        (public,) = keys.make(program, str(tmp_path / "release"), "k8s://ships/drydock")

    # The client writes a Secret in Kubernetes' binary form.
    (secret,) = made
    assert all(part in secret for part in (b"ships", b"drydock", b"cosign.key", public.read_bytes()))
    assert not public.with_suffix(".key").exists()


def configuration(folder: Path, address: str) -> Path:
    named = {"name": "double"}
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "double",
                "clusters": [named | {"cluster": {"server": f"http://{address}"}}],
                "contexts": [named | {"context": {"cluster": "double", "user": "double"}}],
                "users": [named | {"user": {}}],
            }
        )
    )
    return path


@pytest.mark.live
def test_a_private_key_can_be_made_in_a_kms(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    facts = {"KeyId": "1", "KeySpec": "ECC_NIST_P256", "CustomerMasterKeySpec": "ECC_NIST_P256"}
    asked: list[str] = []

    def aws(action: str, body: bytes) -> tuple[int, bytes]:
        asked.append(action.partition(".")[2])
        if len(asked) == 1:
            return 400, json.dumps({"__type": "NotFoundException", "message": body.decode()}).encode()
        usage = {"KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": ["ECDSA_SHA_256"]}
        content = facts | usage | {"PublicKey": base64.b64encode(der).decode()}
        return 200, json.dumps({"KeyMetadata": facts | usage} | content).encode()

    certificates.make(["localhost"], ["127.0.0.1"]).write(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "double")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.crt"))
    monkeypatch.delenv(keys.PASSWORD)
    with service(aws, tls) as address:
        (made,) = keys.make(program, str(tmp_path / "release"), f"awskms://{address}/alias/drydock")

    assert made.read_bytes() == public
    assert {"CreateKey", "CreateAlias"} < set(asked)


@pytest.mark.parametrize("suffix", [".key", ".pub"])
def test_no_file_is_overwritten(tmp_path: Path, suffix: str) -> None:
    there = tmp_path / f"cosign{suffix}"
    there.write_text("a key in use")

    with pytest.raises(NotWritten) as caught:
        keys.make(Path("no such program"), str(tmp_path / "cosign"))

    assert str(caught.value) == (
        f"error: {there} cannot be written: it is there already, and a lost key signs nothing again; "
        "name another place"
    )
    assert there.read_text() == "a key in use"


def test_no_key_is_made_that_could_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match=f"there is no folder {tmp_path / 'missing'}; name another place"):
        keys.make(Path("no such program"), str(tmp_path / "missing" / "cosign"), "awskms:///alias/drydock")


@pytest.mark.parametrize("place", ["cosign.key", "awskms", "vault://drydock"])
def test_an_address_that_cosign_does_not_know_is_told_the_known_ones(place: str) -> None:
    with pytest.raises(BadCommandLine) as caught:
        keys.make(Path("no such program"), "cosign", place)

    assert str(caught.value).startswith(
        f"error: {place!r} is not the address of a key; write awskms:///alias/NAME, gcpkms://projects/"
    )


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("awskms:///drydock", "awskms:///alias/NAME"),
        ("gcpkms://projects/p/keyRings/r/cryptoKeys/k", "gcpkms://projects/PROJECT/locations/LOCATION/key"),
        ("azurekms://drydock", "azurekms://VAULT.vault.azure.net/NAME"),
        ("hashivault://a/b", "hashivault://NAME"),
        ("k8s://drydock", "k8s://NAMESPACE/SECRET"),
    ],
)
def test_an_address_of_another_form_is_told_its_own(address: str, form: str) -> None:
    for use in (functools.partial(keys.make, Path("no such program"), "cosign"), cosign.require):
        with pytest.raises(BadCommandLine) as caught:
            use(address)

        assert str(caught.value).startswith(
            f"error: {address!r} is not the address of a key; write it as {form}"
        )


@pytest.mark.parametrize(
    "address",
    [
        "awskms://localhost:4566/alias/drydock",
        "awskms:///arn:aws:kms:eu-central-1:1:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
        "azurekms://ships.vault.azure.net/drydock",
        "hashivault://drydock",
        "k8s://ships/drydock",
        "env://COSIGN_PRIVATE_KEY",
    ],
)
def test_an_address_as_cosign_writes_it_is_taken(address: str) -> None:
    cosign.require(address)


@pytest.mark.live
@pytest.mark.parametrize("kind", ["gcpkms", "azurekms", "hashivault"])
def test_a_cosign_without_a_service_names_the_program_that_it_lacks(
    program: Path, kind: str, tmp_path: Path
) -> None:
    """Debian's cosign has AWS' service inside, and asks a program of its own for the others."""
    address = {
        "gcpkms": "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "azurekms": "azurekms://ships.vault.azure.net/drydock",
        "hashivault": "hashivault://drydock",
    }[kind]
    with pytest.raises(CosignLacks, match=f"no key such as {kind}://.*without sigstore-kms-{kind}; install"):
        keys.make(program, str(tmp_path / "release"), address)


def test_a_terminal_is_asked_twice_for_the_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(keys.PASSWORD, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", functools.partial(next, iter(["one", "other"])))

    with pytest.raises(KeyNotMade, match="no key was made: the two passwords differ"):
        keys.make(Path("no such program"), str(tmp_path / "cosign"))


def test_without_a_terminal_the_password_is_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(keys.PASSWORD, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    with pytest.raises(KeyNotMade, match="COSIGN_PASSWORD is not set, and there is no terminal to ask on"):
        keys.make(Path("no such program"), str(tmp_path / "cosign"))
