"""A fake engine that only describes itself, for states that a test cannot cause in a real one."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drydock.engine import Engine
from drydock.engine.find import Candidate

VERSION = {"Version": "28.5.1", "ApiVersion": "1.44", "MinAPIVersion": "1.24"}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers the SDK's first questions."""

    answers: Mapping[str, Any]

    def do_GET(self) -> None:
        found = self.answers.get(self.path.rpartition("/")[2])
        body = json.dumps(found).encode()
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def telling(
    folder: Path, *, info: Mapping[str, Any] | None = None, version: Mapping[str, Any] | None = None
) -> Iterator[Engine]:
    """Run such an engine on a socket.

    Args:
        folder: For the socket.
        info: Its answer to `docker info`.
        version: Differences from an ordinary version.
    """
    answers = {"_ping": "OK", "info": info or {}, "version": VERSION | dict(version or {})}
    handler = type("Handler", (_Handler,), {"answers": answers})
    path = folder / "engine.sock"
    with _Server(str(path), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield Engine(Candidate(f"unix://{path}", "a test"))
        finally:
            server.shutdown()
            thread.join()
