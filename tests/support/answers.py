"""A stand-in for a started container: a server that answers every request alike."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drydock.engine.runtime import Run, Running


class StandIn(Running):
    """A started container's addresses, without a container."""

    def __init__(self, port: int, host: str = "") -> None:
        self.__dict__ |= {"run": Run("none"), "host": host, "at": port}

    @property
    def port(self) -> int:
        return int(self.__dict__["at"])


@contextmanager
def answering(body: Callable[[], bytes], media_type: str = "text/plain", host: str = "") -> Iterator[Running]:
    """Answer every request, or only those with one Host header; the others get 400."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if host in ("", self.headers["Host"]) else 400)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            self.wfile.write(body())

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield StandIn(server.server_port, host)
        server.shutdown()
