"""Output of `invoke init` while a package index is slow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import ROOT, write_files

# Longer than the delay of the first sign, even on a busy machine.
THINKS_SECONDS = 4.0
SIGN = re.compile(r"^… \d+ s · (.*)$", re.MULTILINE)


class Thinking(BaseHTTPRequestHandler):
    """An empty and slow index."""

    def do_GET(self) -> None:
        """Answer 404, late."""
        time.sleep(THINKS_SECONDS)
        with suppress(OSError):
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Discard the line."""


@pytest.fixture
def index() -> Iterator[str]:
    """A slow index's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Thinking) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def test_an_index_that_thinks_is_waited_for_with_words_and_nothing_is_written(
    index: str, tmp_path: Path
) -> None:
    project = write_files(
        tmp_path / "shop",
        {
            "requirements.txt": "fastapi\n",
            "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
        },
    )
    before = sorted(project.rglob("*"))
    environment = {
        **os.environ,
        "UV_DEFAULT_INDEX": index,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "init", "--project", str(project)],
        cwd=ROOT,
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )

    waited_for = "asking the package index for which Pythons there are wheels"
    assert waited_for in done.stderr.splitlines()
    assert set(SIGN.findall(done.stderr)) == {waited_for}
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert sorted(project.rglob("*")) == before
