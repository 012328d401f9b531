"""A stand-in for a chat model: it calls one tool, then says one sentence, streamed on request.

It also serves an issuer's public key; the private half is not needed, since nothing is signed here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOL_CALL = {
    "index": 0,
    "id": "call-1",
    "type": "function",
    "function": {"name": "add_task", "arguments": json.dumps({"title": "measure"})},
}
# The public key of RFC 8037, appendix A.2.
KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "measure",
    "alg": "EdDSA",
}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the model's next message and its finish reason."""
    if any(message["role"] == "tool" for message in request["messages"]):
        return {"role": "assistant", "content": "Done."}, "stop"
    return {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}, "tool_calls"


def render(request: dict[str, Any]) -> tuple[str, bytes]:
    """Return the answer's content type and body, in OpenAI's form."""
    message, reason = answer(request)
    head = {"id": "answer-1", "created": 0, "model": request["model"]}
    if not request.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        whole = {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return "application/json", json.dumps(whole).encode()
    chunks = [
        {**head, "object": "chat.completion.chunk", "choices": [choice]}
        for choice in (
            {"index": 0, "delta": message, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": reason},
        )
    ]
    last = {**head, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in (*chunks, last)]
    return "text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers requests for chat completions and for signing keys."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(*render(request))

    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"keys": [KEY]}).encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def served() -> Iterator[str]:
    """Serve on a free loopback port and yield the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
