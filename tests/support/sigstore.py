"""Sigstore's public services on this machine: identities, certificates, the log, and the list of their keys.

A proxy answers in the services' names, so that cosign needs no option: it runs as in a CI job.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.server
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from drydock import command
from tests.support import certificates

FULCIO, REKOR = "fulcio.sigstore.dev", "rekor.sigstore.dev"
ISSUER_OLD, ISSUER = (ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}") for number in (1, 8))
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
ENTRY = "1" * 80
REQUEST_TOKEN = "of this job"
GITHUB = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:acme/shop:ref:refs/tags/v1.4.2",
    "subject": "https://github.com/acme/shop/.github/workflows/drydock.yml@refs/tags/v1.4.2",
}
GITLAB = {
    "iss": "https://gitlab.com",
    "sub": "project_path:acme/shop:ref_type:tag:ref:v1.4.2",
    "subject": "https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/tags/v1.4.2",
}
Answer = tuple[int, bytes]


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _der(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Signer:
    """A service's key, known by the digest of its public half."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = _der(self.key.public_key())
        self.id = hashlib.sha256(self.public).digest()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def log(self, address: str) -> dict[str, Any]:
        """Return the entry of a log with this key in a trusted root."""
        return {
            "baseUrl": address,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": _b64(self.public),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": _b64(self.id)},
        }


@dataclass(frozen=True)
class Sigstore:
    """The running services.

    Args:
        variables: For a job, and for cosign where it verifies.
        keys: Variables for cosign 2 where it signs; cosign 3 cannot verify with them.
        certified: The subjects that have got a certificate.
    """

    variables: Mapping[str, str]
    keys: Mapping[str, str]
    certified: list[str]

    def identity(self, claims: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that give a job of GitHub or GitLab its identity."""
        token = _token(claims, "sigstore")
        if claims is GITLAB:
            return {"SIGSTORE_ID_TOKEN": token}
        address = f"{self.variables['HTTPS_PROXY']}/token?api-version=2.0"
        return {"ACTIONS_ID_TOKEN_REQUEST_URL": address, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN}


def _token(claims: Mapping[str, str], audience: str) -> str:
    now = int(time.time())
    content = {**claims, "aud": audience, "iat": now, "nbf": now, "exp": now + 600}
    return jwt.encode(content, "a provider's key, which only the double checks", algorithm="HS256")


class _Services:
    """Their keys and answers."""

    def __init__(self) -> None:
        self.root, self.transparency, self.rekor = Signer(), Signer(), Signer()
        self.certified: list[str] = []
        self.tls = certificates.make([FULCIO, REKOR])
        now = datetime.datetime.now(datetime.UTC)
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a root of Fulcio's")])
        self.authority = (
            x509.CertificateBuilder(self.name, self.name, self.root.key.public_key(), 1)
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(certificates.usage(key_cert_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier(self.root.id[:20]), critical=False)
            .sign(self.root.key, hashes.SHA256())
        )

    def certificates(self, token: str, key: str, proof: str) -> list[str]:
        """Certify the key of a job that proves its identity; return the chain."""
        claims = jwt.decode(
            token,
            "a provider's key, which only the double checks",
            algorithms=["HS256"],
            audience="sigstore",
        )
        public = serialization.load_pem_public_key(key.encode())
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise TypeError("cosign's keys are of an elliptic curve")
        public.verify(base64.b64decode(proof), claims["sub"].encode(), ec.ECDSA(hashes.SHA256()))
        now = datetime.datetime.now(datetime.UTC)
        issuer = claims["iss"].encode()
        subject = x509.UniformResourceIdentifier(claims["subject"])
        unsigned = (
            x509.CertificateBuilder(self.name, x509.Name([]), public, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(seconds=5))
            .not_valid_after(now + datetime.timedelta(minutes=10))
            .add_extension(certificates.usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectAlternativeName([subject]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_OLD, issuer), critical=False)
            .add_extension(
                x509.UnrecognizedExtension(ISSUER, bytes([0x0C, len(issuer)]) + issuer), critical=False
            )
        )
        draft = unsigned.sign(self.root.key, hashes.SHA256()).tbs_certificate_bytes
        signed = unsigned.add_extension(
            x509.UnrecognizedExtension(SCTS, self._promise(draft)), critical=False
        ).sign(self.root.key, hashes.SHA256())
        self.certified.append(claims["subject"])
        chain = (signed, self.authority)
        return [one.public_bytes(serialization.Encoding.PEM).decode() for one in chain]

    def certified_for_cosign_2(self, body: Mapping[str, Any], token: str) -> Answer:
        key = base64.b64decode(body["publicKey"]["content"]).decode()
        return 201, "".join(self.certificates(token, key, body["signedEmailAddress"])).encode()

    def certified_for_cosign_3(self, body: Mapping[str, Any], token: str) -> Answer:
        asked = body["publicKeyRequest"]
        chain = self.certificates(token, asked["publicKey"]["content"], asked["proofOfPossession"])
        answer = {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
        return 200, json.dumps(answer).encode()

    def _promise(self, draft: bytes) -> bytes:
        """Return the log's promise to list a certificate, as its extension holds it (RFC 6962)."""
        moment = struct.pack(">Q", int(time.time() * 1000))
        length = struct.pack(">I", len(draft))[1:]
        told = b"\0\0" + moment + b"\0\1" + self.root.id + length + draft + b"\0\0"
        signature = self.transparency.sign(told)
        promise = b"\0" + self.transparency.id + moment + b"\0\0\4\3" + _sized(signature)
        listed = _sized(_sized(promise))
        return bytes([0x04, 0x81, len(listed)] if len(listed) > 127 else [0x04, len(listed)]) + listed

    def entry(self, body: dict[str, Any]) -> Answer:
        """List a signature as the second in a log: for sigstore-go a first entry's index, 0, is none."""
        kept = _canonical(_kept(body))
        before = hashlib.sha256(b"\0the first").digest()
        root = hashlib.sha256(b"\1" + before + hashlib.sha256(b"\0" + kept).digest()).digest()
        note = f"{REKOR} - 1\n2\n{_b64(root)}\n".encode()
        mark = _b64(self.rekor.id[:4] + self.rekor.sign(note))
        content = {
            "body": _b64(kept),
            "integratedTime": int(time.time()),
            "logID": self.rekor.id.hex(),
            "logIndex": 1,
        }
        proof = {
            "checkpoint": note.decode() + f"\n\u2014 {REKOR} {mark}\n",
            "hashes": [before.hex()],
            "logIndex": 1,
            "rootHash": root.hex(),
            "treeSize": 2,
        }
        promise = _b64(self.rekor.sign(_canonical(content)))
        shown = content | {"verification": {"inclusionProof": proof, "signedEntryTimestamp": promise}}
        return 201, json.dumps({ENTRY: shown}).encode()

    def trusted_root(self) -> bytes:
        authority = {
            "subject": {"organization": "drydock", "commonName": "tests"},
            "uri": f"https://{FULCIO}",
            "certChain": {
                "certificates": [{"rawBytes": _b64(self.authority.public_bytes(serialization.Encoding.DER))}]
            },
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self.rekor.log(f"https://{REKOR}")],
                "certificateAuthorities": [authority],
                "ctlogs": [self.transparency.log("https://ctfe.sigstore.dev/test")],
                "timestampAuthorities": [],
            }
        ).encode()

    def signing(self) -> bytes:
        """Return the addresses that cosign 3 signs with."""

        def service(host: str) -> list[dict[str, Any]]:
            valid = {"start": "2020-01-01T00:00:00Z"}
            return [{"url": f"https://{host}", "majorApiVersion": 1, "validFor": valid, "operator": "tests"}]

        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": service(FULCIO),
                "rekorTlogUrls": service(REKOR),
                "rekorTlogConfig": {"selector": "ANY"},
            }
        ).encode()

    def keys(self, folder: Path) -> dict[str, str]:
        """Write the files of keys that cosign 2 trusts, and return the variables that name them."""
        files = {
            "SIGSTORE_ROOT_FILE": _pem(
                self.authority.public_bytes(serialization.Encoding.DER), "CERTIFICATE"
            ),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": _pem(self.transparency.public, "PUBLIC KEY"),
            "SIGSTORE_REKOR_PUBLIC_KEY": _pem(self.rekor.public, "PUBLIC KEY"),
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        return {name: str(folder / name) for name in files}

    def targets(self) -> dict[str, bytes]:
        """Return the files that cosign 3 finds in the services' TUF repository."""
        return {"trusted_root.json": self.trusted_root(), "signing_config.v0.2.json": self.signing()}


def _pem(der: bytes, label: str) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _kept(proposed: dict[str, Any]) -> dict[str, Any]:
    """Return a log's form of a proposed entry: of a DSSE envelope it keeps digests."""
    if proposed["kind"] != "dsse":
        return proposed

    def digest(data: bytes) -> dict[str, str]:
        return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}

    content = proposed["spec"]["proposedContent"]
    envelope = json.loads(content["envelope"])
    signed = [
        {"signature": one["sig"], "verifier": verifier}
        for one, verifier in zip(envelope["signatures"], content["verifiers"], strict=True)
    ]
    return proposed | {
        "spec": {
            "envelopeHash": digest(content["envelope"].encode()),
            "payloadHash": digest(base64.b64decode(envelope["payload"])),
            "signatures": signed,
        }
    }


def _repository(targets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of a TUF repository with one key."""
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    public = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw.hex()}}
    name = hashlib.sha256(_canonical(public)).hexdigest()
    expires = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )

    def signed(kind: str, **content: object) -> bytes:
        told = {"_type": kind, "spec_version": "1.0", "version": 1, "expires": expires, **content}
        return json.dumps(
            {"signatures": [{"keyid": name, "sig": key.sign(_canonical(told)).hex()}], "signed": told}
        ).encode()

    def facts(data: bytes) -> dict[str, Any]:
        return {"length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}

    roles = {
        role: {"keyids": [name], "threshold": 1} for role in ("root", "targets", "snapshot", "timestamp")
    }
    listed = signed("targets", targets={path: facts(data) for path, data in targets.items()})
    snapshot = signed("snapshot", meta={"targets.json": {"version": 1} | facts(listed)})
    return {
        "/root.json": signed("root", consistent_snapshot=False, keys={name: public}, roles=roles),
        "/targets.json": listed,
        "/snapshot.json": snapshot,
        "/timestamp.json": signed("timestamp", meta={"snapshot.json": {"version": 1} | facts(snapshot)}),
        **{f"/targets/{path}": data for path, data in targets.items()},
    }


@contextlib.contextmanager
def services(folder: Path, newer: Path) -> Iterator[Sigstore]:
    """Run the services, and yield them.

    Args:
        folder: Receives certificates and keys.
        newer: cosign 3, which fetches its keys once.
    """
    doubles = _Services()
    doubles.tls.write(folder)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    files = _repository(doubles.targets())

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            host, _, port = self.path.partition(":")
            self.send_response(200)
            self.end_headers()
            if host not in (FULCIO, REKOR):
                _tunnel(self.connection, host, int(port))
                self.close_connection = True
                return
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/token":
                if self.headers["Authorization"] != f"bearer {REQUEST_TOKEN}":
                    self._answer(401, b"")
                    return
                (audience,) = parse_qs(asked.query)["audience"]
                self._answer(200, json.dumps({"value": _token(GITHUB, audience)}).encode())
            elif asked.path in files:
                self._answer(200, files[asked.path])
            else:
                self._answer(404, b"")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = (
                self.headers["Authorization"].removeprefix("Bearer ") if "signingCert" in self.path else ""
            )
            if self.path == "/api/v1/signingCert":
                self._answer(*doubles.certified_for_cosign_2(body, token), "application/pem")
            elif self.path == "/api/v2/signingCert":
                self._answer(*doubles.certified_for_cosign_3(body, token))
            elif self.path == "/api/v1/log/entries":
                self._answer(*doubles.entry(body))
            else:
                self._answer(404, b"")

        def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("ETag", ENTRY)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Discard the line."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        known = folder / "root.json"
        known.write_bytes(files["/root.json"])
        variables = {
            "HTTPS_PROXY": address,
            "SSL_CERT_FILE": str(folder / "ca.crt"),
            "TUF_ROOT": str(folder / "tuf"),
        }
        start = [str(newer), "initialize", f"--mirror={address}", f"--root={known}"]
        command.run(start, env=variables)
        try:
            yield Sigstore(variables, doubles.keys(folder), doubles.certified)
        finally:
            server.shutdown()


def _tunnel(client: socket.socket, host: str, port: int) -> None:
    """Carry another service's connection."""
    with contextlib.suppress(OSError), socket.create_connection((host, port)) as server:

        def carry(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        back = threading.Thread(target=carry, args=(server, client), daemon=True)
        back.start()
        carry(client, server)
        back.join()
