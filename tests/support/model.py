"""An OpenAI-compatible model on a real socket with scripted answers."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "double-1"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass(frozen=True)
class Says:
    """A text, streamed word by word.

    Args:
        pause: Seconds before every word, or once before an answer that is not streamed.
        cut_after: Number of words after which the connection breaks; None keeps it.
    """

    text: str
    pause: float = 0.0
    cut_after: int | None = None


@dataclass(frozen=True)
class Calls:
    """Tool calls in one answer, as name and arguments; malformed arguments are text."""

    calls: Sequence[tuple[str, Mapping[str, object] | str]]


@dataclass(frozen=True)
class Fails:
    """An HTTP error in OpenAI's form."""

    status: int
    message: str = "the double was told to fail"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sends:
    """Any body with status 200, streamed or not.

    Args:
        times: How often the body is sent.
    """

    body: bytes
    media_type: str = "application/json"
    times: int = 1


Reply = Says | Calls | Fails | Sends


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names in lower case."""

    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The model's view of the conversation."""
        return list(self.body["messages"])


class Model:
    """A running fake model."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.abandoned = threading.Event()
        self._replies: deque[Reply] = deque()
        self._forever: Reply = Says("Done.")

    def will(self, *replies: Reply, then: Reply = Says("Done.")) -> None:
        """Forget earlier replies; use these in turn, then ``then`` for all later requests."""
        self.requests = []
        self.abandoned.clear()
        self._replies = deque(replies)
        self._forever = then

    def reply_to(self, request: Request) -> Reply:
        """Record a request and choose its reply."""
        self.requests.append(request)
        return self._replies.popleft() if self._replies else self._forever


@contextmanager
def model(address: str, port: int) -> Iterator[Model]:
    """Run the fake on an address of this machine."""
    double = Model()

    class Handler(_Handler):
        model = double

    server = ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Discard the line: a failed test shows the requests."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.model.reply_to(
            Request({name.lower(): value for name, value in self.headers.items()}, body)
        )
        try:
            if isinstance(reply, Fails):
                self._send_json(reply.status, _error(reply), reply.headers)
            elif isinstance(reply, Sends):
                self._send(reply)
            elif body.get("stream"):
                self._stream(reply)
            else:
                self._answer(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.model.abandoned.set()
            self.close_connection = True

    def _send(self, reply: Sends) -> None:
        self.send_response(200)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(reply.times if reply.body else 0):
            self._chunk(reply.body)
        self._chunk(b"")

    def _answer(self, reply: Says | Calls) -> None:
        if isinstance(reply, Says):
            time.sleep(reply.pause)
            if reply.cut_after is not None:
                self.close_connection = True
                return
            message: dict[str, object] = {"role": "assistant", "content": reply.text}
        else:
            message = {"role": "assistant", "content": None, "tool_calls": _tool_calls(reply)}
        choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
        self._send_json(200, {**_envelope("chat.completion"), "choices": [choice], "usage": USAGE}, {})

    def _stream(self, reply: Says | Calls) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event({"role": "assistant", "content": None})
        if isinstance(reply, Says):
            for count, word in enumerate(reply.text.split(" ")):
                time.sleep(reply.pause)
                if count == reply.cut_after:
                    self.close_connection = True
                    return
                self._event({"content": word if count == 0 else f" {word}"})
        else:
            for index, call in enumerate(_tool_calls(reply)):
                self._event({"tool_calls": [{"index": index, **call}]})
        self._event({}, _finish(reply))
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, delta: Mapping[str, object], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        document = {**_envelope("chat.completion.chunk"), "choices": [choice]}
        self._chunk(b"data: " + json.dumps(document).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _send_json(self, status: int, document: object, headers: Mapping[str, str]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _envelope(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": NAME}


def _error(reply: Fails) -> dict[str, object]:
    return {"error": {"message": reply.message, "type": "server_error", "param": None, "code": None}}


def _finish(reply: Says | Calls) -> str:
    return "stop" if isinstance(reply, Says) else "tool_calls"


def _tool_calls(reply: Calls) -> list[dict[str, object]]:
    return [
        {
            "id": f"call_{time.monotonic_ns()}_{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for number, (name, arguments) in enumerate(reply.calls)
    ]
