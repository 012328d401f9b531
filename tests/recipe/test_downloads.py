"""`invoke init` does not download interpreters to resolve for their versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from drydock import recipe
from tests.conftest import write_files

PROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.10"
dependencies = ["fastapi", "uvicorn"]
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Paths requested from a mirror of Python's builds; uv knows no other source."""
    paths: list[str] = []

    class Mirror(BaseHTTPRequestHandler):
        """An empty mirror."""

        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Discard the line."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", f"http://127.0.0.1:{server.server_port}")
        yield paths
        server.shutdown()


def test_no_python_is_downloaded_to_resolve_for_its_version(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    # Only this interpreter is available: newer than the oldest suitable version.
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "none"))
    files = {"pyproject.toml": PROJECT, "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"}
    folder = write_files(tmp_path / "shop", files)

    recipe.init(folder, {})

    assert "--python-version=3.10" in (folder / "requirements.lock").read_text()
    assert asked == []
