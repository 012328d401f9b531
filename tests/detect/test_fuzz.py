"""The detector returns printable findings and raises nothing, for any content of a project's files.

`DRYDOCK_FUZZ_SECONDS` runs the same properties for that time, and prints the number of projects with
`pytest -s`; the suite runs them briefly.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drydock.detect import as_json, detect, explain_lines
from tests.detect.support import APPS, write

SECONDS = float(os.environ.get("DRYDOCK_FUZZ_SECONDS", "0"))
LOOKED = itertools.count()
STEP = settings(
    max_examples=60 if not SECONDS else 500,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=not SECONDS,
)
NAMES = (
    "main.py",
    "app/__init__.py",
    "app/main.py",
    "app/api.py",
    "src/app/config.py",
    "run.py",
    "setup.py",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile",
    "Pipfile.lock",
    "pylock.toml",
    "requirements.txt",
    "Dockerfile",
    "compose.yml",
    "Procfile",
    ".dockerignore",
    ".python-version",
    "start.sh",
)
CORPUS = [
    p.read_bytes()
    for p in sorted(APPS.rglob("*"))
    if p.is_file() and p.name != "expected.toml" and p.stat().st_size < 8_000
]
WORDS = [
    b"FastAPI()",
    b"app = ",
    b"from fastapi import FastAPI\n",
    b"import ",
    b"from . import ",
    b"from .. import *\n",
    b"uvicorn.run(app)\n",
    b"uvicorn.run('app.main:app', port=port)\n",
    b"os.environ['X']",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\n",
    b"    ",
    b"'",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b"=",
    b":",
    b"lambda: ",
    b"async def f(",
    b"class A(BaseSettings):\n",
    b"Path(__file__).parent",
    b" / 'x'",
    b"f'{x}'",
    b"include_router(",
    b"prefix=",
    b"open(",
    b"sqlite:///",
    b"../",
    b"[project]\n",
    b"[tool.uv.workspace]\n",
    b"members = ['*']\n",
    b"[[package]]\n",
    b"name = 'fastapi'\n",
    b"services:\n",
    b"  build: .\n",
    b"&a ",
    b"*a",
    b"!!python/object:os.system ",
    b"FROM python:3.12\n",
    b"COPY . .\n",
    b"WORKDIR ",
    b"CMD [",
    b"-r requirements.txt\n",
    b"-c ",
    b"git+https://",
    b"; python_version < '3'",
    b"==",
    b"@ file:///",
    b"!",
    b"**/",
    b"*",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real file with inserted words, removed pieces and repeated pieces."""
    data = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(0, 5))):
        at, width = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        change = draw(st.integers(0, 2))
        piece = (
            draw(st.sampled_from(WORDS)) if change == 0 else data[at : at + width] * (3 if change == 1 else 0)
        )
        data = data[:at] + piece + data[at + (width if change == 2 else 0) :]
    return data


contents = st.one_of(
    mutated(), st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join), st.binary(max_size=200)
)
projects = st.dictionaries(st.sampled_from(NAMES), contents, min_size=1, max_size=8)
options = st.dictionaries(
    st.sampled_from(
        ["entry-point", "lock", "source", "python", "port", "workdir", "extras", "groups", "factory"]
    ),
    st.sampled_from(["", "main:app", "app.main:app", ":", "..", "uv.lock", "/", "3.12", "x y", "a:b:c"]),
    max_size=2,
)


@STEP
@given(projects, options)
def check(files: dict[str, bytes], overrides: dict[str, str]) -> None:
    next(LOOKED)
    with tempfile.TemporaryDirectory() as folder:
        found = detect(write(Path(folder), dict(files)), overrides)
    json.dumps(as_json(found))
    assert all(line.isprintable() for line in explain_lines(found))
    assert found.entry_point or found.conflicts or found.blockers


@pytest.mark.timeout(300 + SECONDS)
def test_no_project_makes_the_detector_raise() -> None:
    ends = time.monotonic() + SECONDS
    check()
    while time.monotonic() < ends:
        check()
    sys.stdout.write(f"{next(LOOKED)} projects\n")
