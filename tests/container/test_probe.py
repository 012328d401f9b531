from __future__ import annotations

import json
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import probe
import pytest

from tests.conftest import ROOT


@contextmanager
def answering(answer: bytes, pause: float = 0.0, asked: list[bytes] | None = None) -> Iterator[int]:
    """Answer one connection on a free port and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(1024)
                if asked is not None:
                    asked.append(request)
                time.sleep(pause)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def exit_code(monkeypatch: pytest.MonkeyPatch, port: int, **environment: str) -> int:
    for name, value in {"PORT": str(port), "HEALTH_PATH": "/livez", **environment}.items():
        monkeypatch.setenv(name, value)
    return ask(monkeypatch, {"port": 1, "health_path": "/nowhere"})


def ask(monkeypatch: pytest.MonkeyPatch, served: Mapping[str, object]) -> int:
    """Run the probe beside a serve.json."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "serve.json")
        place.write_text(json.dumps(served))
        monkeypatch.setattr(probe, "SERVE", str(place))
        return probe.main()


@pytest.mark.parametrize(
    ("status", "code"),
    [("200 OK", 0), ("204 No Content", 0), ("307 Temporary Redirect", 0), ("404 Not Found", 1), ("503 x", 1)],
)
def test_the_status_decides(status: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(f"HTTP/1.1 {status}\r\n\r\n".encode()) as port:
        assert exit_code(monkeypatch, port) == code


def test_an_answer_that_is_no_http_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"220 mail ready\r\n") as port:
        assert exit_code(monkeypatch, port) == 1


def test_a_closed_port_is_unhealthy_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert exit_code(monkeypatch, port) == 1
    assert capsys.readouterr().out.startswith(f"port {port} /livez: ")


def test_a_silent_application_is_unhealthy_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", pause=1.0) as port:
        began = time.monotonic()
        assert exit_code(monkeypatch, port, PROBE_TIMEOUT="0.2") == 1
        assert time.monotonic() - began < 0.9


def test_the_probe_imports_ssl_only_where_tls_is_served() -> None:
    source = (ROOT / "drydock/container/probe.py").read_text()

    assert "\nimport ssl" not in source
    assert ssl.__name__ in source


def test_any_answer_is_enough_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"HTTP/1.1 404 Not Found\r\n\r\n") as port:
        assert exit_code(monkeypatch, port, HEALTH_PATH="") == 0


def test_an_open_port_behind_which_the_application_hangs_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The kernel accepts the connection, but no program does.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert exit_code(monkeypatch, port, HEALTH_PATH="", PROBE_TIMEOUT="0.2") == 1


def test_a_closed_port_is_unhealthy_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert exit_code(monkeypatch, port, HEALTH_PATH="") == 1


def test_port_and_path_stand_in_serve_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HEALTH_PATH"):
        monkeypatch.delenv(name, raising=False)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        assert ask(monkeypatch, {"port": port, "health_path": "/livez"}) == 0


def test_uvicorns_name_for_the_port_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        monkeypatch.setenv("UVICORN_PORT", str(port))
        assert ask(monkeypatch, {"port": 1, "health_path": "/livez"}) == 0


@pytest.mark.parametrize(
    ("served", "variable", "sent"),
    [("", None, "localhost"), ("api.example.org", None, "api.example.org"), ("api", "shop", "shop")],
)
def test_the_host_that_is_let_through_is_sent(
    served: str, variable: str | None, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv("HEALTH_HOST", variable)
    asked: list[bytes] = []
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", asked=asked) as port:
        assert ask(monkeypatch, {"port": port, "health_path": "/livez", "health_host": served}) == 0

    assert f"Host: {sent}\r\n".encode() in asked[0]


@pytest.mark.parametrize(
    ("host", "asked"),
    [("", "127.0.0.1"), ("::", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("10.0.0.7", "10.0.0.7")],
)
def test_the_service_is_asked_where_it_listens(host: str, asked: str) -> None:
    assert probe.address(host) == asked
