"""A scripted issuer of tokens and a scripted model's endpoint, on real loopback sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

type PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free loopback port and yield the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def new_key(algorithm: str) -> PrivateKey:
    """Make a private key for an algorithm."""
    match algorithm:
        case "EdDSA":
            return Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: PrivateKey) -> dict[str, Any]:
    """Return the public half as a JWK in Better Auth's form: without `use` and `alg`."""
    public = key.public_key()
    algorithm: Any = {"Ed25519PublicKey": OKPAlgorithm, "RSAPublicKey": RSAAlgorithm}.get(
        type(public).__name__, ECAlgorithm
    )
    entry: dict[str, Any] = algorithm.to_jwk(public, as_dict=True)
    return {name: value for name, value in entry.items() if name not in ("use", "alg", "key_ops")}


class Issuer:
    """Signs tokens as Better Auth does and lists its keys."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, PrivateKey]] = {}
        self.fetches = 0
        self.down = False
        self.document: bytes | None = None
        self.url = "https://app.example.com"
        self.jwks_url = ""
        self.current = self.rotate()

    def rotate(self, algorithm: str = "EdDSA") -> str:
        """Add a key, sign with it from now on, and return its id."""
        self.current = f"key-{len(self.keys) + 1}"
        self.keys[self.current] = (algorithm, new_key(algorithm))
        return self.current

    def claims(self, user: str = "ada", **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token with some changed; None removes a claim."""
        now = int(time.time())
        claims = {
            "iat": now, "exp": now + 900, "sub": user, "id": user, "name": user,
            "email": f"{user}@example.com",
            "iss": self.url, "aud": self.url,
        }  # fmt: skip
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, user: str = "ada", **changes: Any) -> str:
        """Return a signed token."""
        algorithm, key = self.keys[self.current]
        return jwt.encode(self.claims(user, **changes), key, algorithm, headers={"kid": self.current})

    @contextmanager
    def serving(self) -> Iterator[Issuer]:
        """Serve the keys."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                body = (
                    issuer.document
                    or json.dumps(
                        {"keys": [{"kid": kid, **public_jwk(key)} for kid, (_, key) in issuer.keys.items()]}
                    ).encode()
                )
                self.send_response(503 if issuer.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with served(Handler) as base:
            self.jwks_url = f"{base}/api/auth/jwks"
            yield self


@dataclass
class Say:
    """The model writes text, in pieces if it streams; it may wait before a piece."""

    pieces: list[str]
    before_piece: Callable[[int], object] = lambda _: None


@dataclass
class Call:
    """The model calls tools: names with arguments, which may be any text."""

    calls: list[tuple[str, dict[str, Any] | str]]


@dataclass
class Fail:
    """The endpoint answers with an error status."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "scripted failure"


@dataclass
class Cut:
    """The endpoint breaks the connection, after some text when it streams."""

    after: str = ""


@dataclass
class Hang:
    """The endpoint does not answer until the test releases it."""

    release: threading.Event = field(default_factory=threading.Event)


@dataclass
class Raw:
    """The endpoint answers 200 with any body, or with many bytes of one."""

    body: bytes
    media_type: str = "application/json"
    repeat: int = 1


type Step = Say | Call | Fail | Cut | Hang | Raw | Callable[[dict[str, Any]], Step]


class Model:
    """An OpenAI-compatible endpoint that follows a script; the last step repeats.

    A step may be a function of the request.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = [Say(["Hello"])]
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator[Model]:
        """Serve the endpoint."""
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                request = json.loads(self.rfile.read(length))
                model.requests.append(request)
                step = model.steps[min(len(model.requests), len(model.steps)) - 1]
                # The client may give up; some tests want that.
                with suppress(BrokenPipeError, ConnectionResetError):
                    answer(self, request, step)

            def log_message(self, *_: object) -> None:
                pass

        with served(Handler) as base:
            self.url = f"{base}/v1"
            yield self


def answer(handler: BaseHTTPRequestHandler, request: dict[str, Any], step: Step) -> None:
    """Carry out one step of a script."""
    if callable(step):
        step = step(request)
    match step:
        case Hang():
            step.release.wait(30)
            handler.close_connection = True
        case Raw():
            handler.send_response(200)
            handler.send_header("Content-Type", step.media_type)
            handler.end_headers()
            for _ in range(step.repeat):
                handler.wfile.write(step.body)
        case Fail():
            send_json(handler, step.status, {"error": {"message": step.message}}, step.headers)
        case Cut() if not (request.get("stream") and step.after):
            handler.close_connection = True
            handler.connection.close()
        case _ if request.get("stream"):
            stream(handler, step)
        case Say():
            for index in range(len(step.pieces)):
                step.before_piece(index)
            send_json(handler, 200, completion({"content": "".join(step.pieces)}, "stop"))
        case Call():
            send_json(handler, 200, completion({"content": None, "tool_calls": listed(step)}, "tool_calls"))


def listed(step: Call) -> list[dict[str, Any]]:
    """Return tool calls in the endpoint's form."""
    return [
        {
            "index": index,
            "id": f"call-{time.monotonic_ns()}-{index}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for index, (name, arguments) in enumerate(step.calls)
    ]


def completion(message: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return a whole completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def send_json(
    handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> None:
    """Send a JSON response."""
    content = json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def stream(handler: BaseHTTPRequestHandler, step: Step) -> None:
    """Send a streamed completion piece by piece."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()

    def send(delta: dict[str, Any], reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [choice],
        }
        handler.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        handler.wfile.flush()

    send({"role": "assistant", "content": ""})
    match step:
        case Say():
            for index, piece in enumerate(step.pieces):
                step.before_piece(index)
                send({"content": piece})
            send({}, "stop")
        case Call():
            send({"tool_calls": listed(step)})
            send({}, "tool_calls")
        case Cut():
            send({"content": step.after})
            handler.close_connection = True
            handler.connection.close()
            return
    handler.wfile.write(b"data: [DONE]\n\n")
