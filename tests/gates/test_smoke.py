from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from drydock.engine.runtime import Running, healthy
from drydock.gates.smoke import forbidden, round_of_requests, unasked
from drydock.project import Request
from tests.conftest import MakeProject
from tests.support.answers import StandIn, answering


@pytest.fixture
def running() -> Iterator[Running]:
    with answering(lambda: b"version 1.4.2") as found:
        yield found


def test_a_shell_is_forbidden_in_production_only() -> None:
    assert forbidden(["/usr/bin/sh"], "production") == ["/usr/bin/sh"]
    assert forbidden(["/usr/bin/sh"], "slim") == []


def test_build_tools_are_forbidden_everywhere() -> None:
    assert forbidden(["/usr/bin/gcc", "/opt/venv/bin/uv"], "slim") == ["/opt/venv/bin/uv", "/usr/bin/gcc"]


def test_only_programs_count() -> None:
    assert (
        forbidden(["/usr/share/doc/bash/sh", "/usr/lib/python3.13/pip", "/bin/python3"], "production") == []
    )


@pytest.mark.parametrize(
    ("status", "good"), [(199, False), (200, True), (307, True), (399, True), (404, False), (503, False)]
)
def test_a_status_is_good_where_kubernetes_takes_it_for_good(status: int, good: bool) -> None:
    assert healthy(status) is good


@pytest.mark.parametrize(
    ("contains", "faults"),
    [
        ("1.4.2", []),
        ("1.4.3", ["GET /version answered 'version 1.4.2', without '1.4.3'"]),
    ],
)
def test_an_answer_must_hold_what_was_asked_for(
    contains: str, faults: list[str], running: Running, make_project: MakeProject
) -> None:
    request = f'smoke = [{{ method = "GET", path = "/version", status = 200, contains = "{contains}" }}]\n'
    files = {
        "drydock.toml": request,
        "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
    }
    project = make_project(files)

    assert project.smoke == (Request("GET", "/version", 200, contains=contains),)
    assert round_of_requests(running, project) == faults


class Application(BaseHTTPRequestHandler):
    statuses: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        self.send_response(self.statuses.get(self.path, 404))
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("statuses", "faults"),
    [
        ({"/openapi.json": 200}, []),
        ({"/openapi.json": 401}, []),
        ({"/openapi.json": 500}, ["GET /openapi.json answered 500"]),
        ({"/": 200}, []),
        ({"/": 500}, []),
        ({}, []),
    ],
)
def test_a_project_that_names_no_request_is_asked_for_its_schema(
    statuses: dict[str, int], faults: list[str]
) -> None:
    kind = type("Named", (Application,), {"statuses": statuses})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        assert unasked(StandIn(server.server_port)) == faults
        server.shutdown()


def test_a_project_that_answers_nothing_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
    assert unasked(StandIn(port))
