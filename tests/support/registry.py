"""Real image registries for tests, and a proxy that causes network accidents."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import io
import json
import platform
import re
import secrets
import shutil
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import jwt
import platformdirs
import yaml

from drydock import command
from drydock.engine import Engine, apt
from tests.support import certificates
from tests.support.images import remove_repository, remove_unique
from tests.support.process import Server, accepts, folder, free_port

LOOPBACK = "127.0.0.1"
USER = "shipper"
PASSWORD = "only for tests"
# The registry accepts only bcrypt: PASSWORD at the lowest cost.
HTPASSWD = f"{USER}:$2b$04$drydockDrydockDrydockuH5lXXgYwYzRZeSy.WkGlGWPg1JWFkVO\n"


def debian_program(package: str, release: str = "") -> str:
    """Return a Debian package's program of the same name: the machine's own, or else unpacked into the cache.

    It is not installed: a package may start an unwanted service, and a newer release's would upgrade others.

    Args:
        release: The Debian release to take it from; this machine's own by default.
    """
    return shutil.which(package) or str(debian_folder(package, release) / "usr/bin" / package)


def debian_folder(package: str, release: str = "", *more: str) -> Path:
    """Return the folder in the cache of unpacked Debian packages; see `debian_program`."""
    root = Path(platformdirs.user_cache_dir("drydock")) / "tests"
    folder = root / f"{'+'.join((package, *more))}-{release or 'own'}-{platform.machine()}"
    if not folder.exists():
        root.mkdir(parents=True, exist_ok=True)
        fetched = apt.unpacked(root, package, *more, release=release)
        with fetched as unfinished, contextlib.suppress(OSError):
            # A process that comes second finds an identical folder.
            unfinished.rename(folder)
    return folder


@dataclass(frozen=True)
class Registry:
    """A registry, running or ready to run.

    Args:
        address: Host and port, as in references.
        authority: The file with the CA of its certificate; None for plain HTTP.
    """

    address: str
    storage: Path
    authority: Path | None = None

    @property
    def command(self) -> list[str]:
        return [debian_program("docker-registry"), "serve", str(self.storage.parent / "config.yml")]

    def answers(self) -> bool:
        """Tell whether it answers; an OSError means not yet."""
        host, _, port = self.address.partition(":")
        return accepts(host, int(port))

    def tags(self, repository: str) -> dict[str, str]:
        """Return each tag's manifest digest, read from the registry's own files."""
        tags = self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        links = sorted(tags.glob("*/current/link"))
        return {link.parent.parent.name: link.read_text() for link in links}


@contextmanager
def registry(*, tls: bool = False, auth: dict[str, Any] | None = None, port: int = 0) -> Iterator[Registry]:
    """Run a registry on this machine.

    Args:
        tls: Use a certificate of a new authority.
        auth: The ``auth`` part of its configuration; None needs no login.
        port: A free one by default.
    """
    with folder("registry") as path:
        made = configured(path, tls=tls, auth=auth, port=port)
        server = Server("docker-registry", made.command, path / "registry.log")
        server.start(made.answers)
        try:
            yield made
        finally:
            server.stop()


def configured(
    path: Path, *, tls: bool = False, auth: dict[str, Any] | None = None, port: int = 0
) -> Registry:
    """Write the configuration of a registry that stores everything below a folder; see `registry`."""
    address = f"{LOOPBACK}:{port or free_port()}"
    listen: dict[str, Any] = {"addr": address, "secret": secrets.token_hex()}
    if tls:
        certificates.make(["localhost"], [LOOPBACK]).write(path)
        listen["tls"] = {"certificate": str(path / "server.crt"), "key": str(path / "server.key")}
    configuration = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(path / "storage")}, "delete": {"enabled": True}},
        "http": listen,
        **({"auth": auth} if auth else {}),
    }
    (path / "config.yml").write_text(yaml.safe_dump(configuration))
    return Registry(address, path / "storage", path / "ca.crt" if tls else None)


@contextmanager
def private_registry(*, tls: bool = True) -> Iterator[Registry]:
    """Run a registry that admits only USER with PASSWORD, over TLS by default."""
    with folder("htpasswd") as path:
        (path / "htpasswd").write_text(HTPASSWD)
        auth = {"htpasswd": {"realm": "tests", "path": str(path / "htpasswd")}}
        with registry(tls=tls, auth=auth) as running:
            yield running


def docker_configuration(path: Path, address: str, password: str = PASSWORD) -> Path:
    """Write a docker configuration with USER's login to one registry, and return its folder."""
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"auths": {address: {"auth": pair}}}))
    return path


# --- a registry with a token server -------------------------------------------------------------------------


class _TokenHandler(http.server.BaseHTTPRequestHandler):
    """Gives USER a token with the requested scope, and rejects all others."""

    certificate: ClassVar[certificates.Certificate]

    def do_GET(self) -> None:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {pair}":
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]})
            return
        asked = parse_qs(urlsplit(self.path).query)
        access = []
        for scope in " ".join(asked.get("scope", [])).split():
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        lines = self.certificate.certificate.decode().splitlines()[1:-1]
        token = jwt.encode(
            {
                "iss": "drydock-tests",
                "sub": USER,
                "aud": asked["service"][0],
                "iat": now,
                "nbf": now - 10,
                "exp": now + 300,
                "jti": secrets.token_hex(8),
                "access": access,
            },
            self.certificate.key.decode(),
            algorithm="ES256",
            headers={"x5c": ["".join(lines)]},
        )
        self._answer(200, {"token": token})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def token_registry() -> Iterator[Registry]:
    """Run a registry that requires tokens, and the server that gives USER one."""
    with folder("tokens") as path:
        certificate = certificates.make(["tokens"])
        certificate.write(path)
        handler = type("Handler", (_TokenHandler,), {"certificate": certificate})
        server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handler)
        auth = {
            "token": {
                "realm": f"http://{LOOPBACK}:{server.server_port}/token",
                "service": "registry of the tests",
                "issuer": "drydock-tests",
                "rootcertbundle": str(path / "ca.crt"),
            }
        }
        with _serving(server), registry(auth=auth) as running:
            yield running


@contextmanager
def _serving(server: http.server.ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- a proxy with accidents ---------------------------------------------------------------------------------

CUT = 0
STALL = -1
HALF = -2
LOST = -3
LATE = -4


@dataclass
class Accident:
    """A failure of some requests.

    Args:
        path: A regular expression to search in their paths.
        answer: The status to answer; or CUT the connection in the middle of the request; or STALL: read the
            request slowly and never answer; or HALF: cut it after half of an upload, which can be resumed; or
            LOST: cut it after the registry has processed it; or LATE: only call ``then`` first.
        times: Number of requests to hit.
        after: Number of requests to spare before.
        then: Called just before CUT cuts, LOST drops the answer, or LATE passes the request on.
        over: Hit only bodies of more bytes.
        headers: Of the answer, such as Retry-After.
    """

    method: str
    path: str
    answer: int
    times: int = 1
    after: int = 0
    then: Callable[[], None] = lambda: None
    over: int = -1
    headers: Mapping[str, str] = field(default_factory=dict)

    def befalls(self, method: str, path: str, size: int) -> bool:
        """Tell whether it hits this request, and count it."""
        if method != self.method or size <= self.over or not re.search(self.path, path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return self.times >= 0


CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN"}


@dataclass
class Road:
    """A real proxy in front of a registry.

    Args:
        address: Host and port to push to.
        accidents: The first that applies happens.
        requests: Method and path of each request.
        bytes: Bytes of requests' bodies that reached the registry.
        moved: Where an upload continues after a HALF, by the path that its client knows.
        given_up: Set when a client closed the connection of a stalled request.
    """

    address: str
    registry: Registry
    accidents: list[Accident] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    bytes: int = 0
    moved: dict[str, str] = field(default_factory=dict)
    stalled: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, method: str, path: str) -> int:
        """Return the number of requests with a method and a matching path."""
        return sum(asked == method and bool(re.search(path, where)) for asked, where in self.requests)


class _RoadHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    road: ClassVar[Road]

    def handle(self) -> None:
        # As Go's server does: answer a TLS handshake in plain text.
        if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            self.connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nnot a TLS server\n")
            return
        with contextlib.suppress(ConnectionError):
            super().handle()

    def _pass(self) -> None:
        road = self.road
        with road.lock:
            road.requests.append((self.command, self.path))
            asked = self.command, self.path, int(self.headers.get("Content-Length", 0))
            accident = next((one for one in road.accidents if one.befalls(*asked)), None)
        if accident is None:
            self._forward()
        elif accident.answer == LATE:
            accident.then()
            self._forward()
        elif accident.answer in (CUT, LOST):
            if accident.answer == LOST:
                self._ask(self._body())
            accident.then()
            self._cut()
        elif accident.answer == HALF:
            _, headers, _ = self._ask(self.rfile.read(int(self.headers["Content-Length"]) // 2))
            where = urlsplit(headers["Location"])
            road.moved[self.path] = f"{where.path}?{where.query}"
            self._cut()
        elif accident.answer == STALL:
            road.stalled.set()
            # Read slowly, and to the end: the engine checks for an interruption only when it reads on. It can
            # neither take back sent bytes nor end a request that it has sent whole.
            with contextlib.suppress(ConnectionError):
                while self.rfile.read1(65536):
                    time.sleep(0.01)
            road.given_up.set()
            self.close_connection = True
        else:
            self._body()
            code = CODES.get(accident.answer, "UNKNOWN")
            content = json.dumps({"errors": [{"code": code, "message": f"arranged {accident.answer}"}]})
            headers = {"Content-Type": "application/json", **accident.headers}
            self._answer(accident.answer, headers, content.encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - http.server calls these names

    def _cut(self) -> None:
        """Reset the connection while the body is on its way."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _forward(self) -> None:
        status, headers, content = self._ask(self._body())
        dropped = ("transfer-encoding", "connection", "date", "server")
        self._answer(
            status, {key: text for key, text in headers.items() if key.lower() not in dropped}, content
        )

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Forward the request with this body; return the answer's status, headers and content."""
        road = self.road
        upstream = http.client.HTTPConnection(road.registry.address, timeout=30)
        try:
            path = road.moved.get(self.path, self.path)
            upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for key, value in self.headers.items():
                if key.lower() not in ("transfer-encoding", "content-length", "connection"):
                    upstream.putheader(key, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            answer = upstream.getresponse()
            content = answer.read()
            with road.lock:
                road.bytes += len(body)
            return answer.status, dict(answer.getheaders()), content
        finally:
            upstream.close()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            if key.lower() != "content-length" or self.command == "HEAD":
                self.send_header(key, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def road(running: Registry, *accidents: Accident) -> Iterator[Road]:
    """Run a proxy to a registry on which accidents happen."""
    with ExitStack() as stack:
        handler = type("Handler", (_RoadHandler,), {})
        server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handler)
        server.daemon_threads = True
        made = Road(f"{LOOPBACK}:{server.server_port}", running, list(accidents))
        handler.road = made  # type: ignore[attr-defined]
        stack.enter_context(_serving(server))
        yield made


# --- images to push -----------------------------------------------------------------------------------------


@contextmanager
def tiny_image(
    engine: Engine, labels: Mapping[str, str] | None = None, size: int = 1000, platform: str = ""
) -> Iterator[str]:
    """Put an image of one layer on the engine, yield its name, and remove it with all its names.

    Args:
        size: Bytes of its only file; random, so that no registry has its layer already.
        platform: The engine's own by default.
    """
    name = f"drydock-test-{secrets.token_hex(4)}"
    # BuildKit adds a PATH and a working directory to images without them.
    settings = ["ENV PATH=/", "WORKDIR /", 'CMD ["/cargo"]']
    changes = [*settings, *(f"LABEL {key}={json.dumps(text)}" for key, text in (labels or {}).items())]
    options = [f"--change={change}" for change in changes] + [f"--platform={platform}"] * bool(platform)
    with folder("cargo") as place:
        with tarfile.open(place / "root.tar", mode="w") as archive:
            member = tarfile.TarInfo("cargo")
            member.size = size
            archive.addfile(member, io.BytesIO(secrets.token_bytes(size)))
        command.run(
            ["docker", "import", *options, str(place / "root.tar"), f"{name}:dev"], env=engine.environment
        )
    identity = engine.sdk.images.get(f"{name}:dev").id
    try:
        yield f"{name}:dev"
    finally:
        # A new label moves the name to another image.
        remove_repository(engine, name)
        remove_unique(engine, identity)
