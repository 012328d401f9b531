"""A service with the OSV protocol on the loopback interface, between a client and a database.

The client is pip-audit. What it leaves out of its report (how bad a vulnerability is, whether an answer had a
second page, which records it did not understand) is seen here, and so is what it never asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from drydock.gates.audit.osv import Database, Record
from drydock.gates.expectations import CouldNotAskError


@dataclass
class Relay:
    """What passed through."""

    database: Database
    # The records by name and version that were asked
    answers: dict[tuple[str, str], Sequence[Record]] = field(default_factory=dict)
    fault: str = ""  # why the database could not be asked; empty as long as it could
    address: str = ""

    def answer(self, question: Any) -> dict[str, Any] | None:
        """Answer one question of the protocol; None when the database could not be asked."""
        if self.fault:
            return None  # the verdict is settled: no need to wait for every other package
        try:
            name, version = question["package"]["name"], question["version"]
            records = self.database.ask(name, version)
        except CouldNotAskError as error:
            self.fault = str(error)
            return None
        self.answers[(name, version)] = records
        return {"vulns": list(records)} if records else {}


@contextmanager
def serving(database: Database) -> Iterator[Relay]:
    """Serve a database to clients on this machine."""
    relay = Relay(database)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                found = relay.answer(json.loads(body))
            except (ValueError, KeyError, TypeError):
                self._send(HTTPStatus.BAD_REQUEST, {})
                return
            self._send(HTTPStatus.OK if found is not None else HTTPStatus.BAD_GATEWAY, found or {})

        def _send(self, status: HTTPStatus, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Print nothing: what was asked is in the relay."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    relay.address = f"http://127.0.0.1:{server.server_port}/v1/query"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
