"""A stand-in for a started container: a server that answers every request alike."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

from drydock.engine.runtime import Running


@contextmanager
def answering(body: Callable[[], bytes], media_type: str = "text/plain") -> Iterator[Running]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            self.wfile.write(body())

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield cast("Running", SimpleNamespace(port=server.server_port))
        server.shutdown()
