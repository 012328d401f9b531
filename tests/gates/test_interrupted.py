"""Gates that are interrupted at work leave no container, whichever thread waits for it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from drydock.engine import Engine
from drydock.engine.runtime import created
from tests.conftest import MakeProject
from tests.support.images import remove_repository

pytestmark = pytest.mark.live

# Serves at once, except for one path, and as tests that do not end.
SERVER = """\
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            print("asked", flush=True)
            time.sleep(300)
        self.send_response(200)
        self.end_headers()
print("serving", flush=True)
http.server.ThreadingHTTPServer(("", 8000), Slow).serve_forever()
"""
DOCKERFILE = f"""\
FROM {{base}}
USER 10001
HEALTHCHECK CMD ["python3", "-c", "pass"]
ENTRYPOINT {json.dumps(["python3", "-c", SERVER])}
"""
SETTINGS = """\
port = 8000
health-path = "/"
ready-path = "/"
smoke = [{ method = "GET", path = "/slow", status = 200 }]
"""
JUDGE = """\
import functools, importlib, sys
from pathlib import Path
from drydock import interrupts
from drydock.detect.project import load
from drydock.engine import connect
from drydock.gates import parity, security
from drydock.gates.subject import Subject
from drydock.workspace import Workspace

gate, image, folder = sys.argv[1:]
interrupts.heed()
workspace = Workspace(connect(), load(Path(folder)))
for target in ("slim", "production", "test on production"):
    workspace.adopt(target, image)
slow = {"slow": "import time; time.sleep(300)"}
parity.answers_to_snippets = functools.partial(parity.answers_to_snippets, snippets=slow)
# The container of the health check is the only one that lives for long.
security.GROUPS = security.LINTERS = ()
if gate == "parity":
    parity.smoke.exchanges = lambda *_: ()
importlib.import_module(f"drydock.gates.{gate}").judge(Subject(workspace, "production"))
"""


@pytest.fixture(scope="module")
def image(engine: Engine, python_image: str) -> Iterator[str]:
    repository = f"drydock-interrupted-{uuid.uuid4().hex[:12]}"
    text = DOCKERFILE.format(base=python_image).encode()
    made, _ = engine.sdk.images.build(fileobj=io.BytesIO(text), tag=f"{repository}:1", rm=True)
    yield str(made.id)
    remove_repository(engine, repository)


def containers(engine: Engine, image: str) -> list[Any]:
    return engine.sdk.containers.list(all=True, ignore_removed=True, filters={"ancestor": image})


def busy(found: list[Any]) -> str:
    """Return what containers print and run."""
    return " ".join(f"{one.logs()}{one.top()}" for one in found if one.status == "running")


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.acceptance),
    ],
)
@pytest.mark.parametrize(
    ("gate", "count", "sign"),
    [
        ("container_tests", 1, "serving"),
        ("smoke", 1, "asked"),
        ("parity", 2, "sleep(300)"),
        ("security", 1, "serving"),
    ],
)
def test_a_gate_that_is_interrupted_at_work_removes_its_containers(
    gate: str, count: int, sign: str, number: int, engine: Engine, image: str, make_project: MakeProject
) -> None:
    project = make_project({"Dockerfile": "# drydock's\n", "drydock.toml": SETTINGS})
    command = [sys.executable, "-c", JUDGE, gate, image, str(project.root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, text=True) as process:
        deadline = time.monotonic() + 60
        while len(found := containers(engine, image)) < count or busy(found).count(sign) < count:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, busy(found)
            time.sleep(0.1)
        os.killpg(process.pid, number)
        began = time.monotonic()
        _, said = process.communicate(timeout=60)

    assert containers(engine, image) == []
    # Its work would take longer, and the prompt is back without it.
    assert time.monotonic() - began < 15
    assert "KeyboardInterrupt" in said


def test_a_container_that_is_made_while_a_signal_comes_is_removed(
    engine: Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = engine.sdk.api.create_container

    def interrupted(*args: Any, **options: Any) -> Any:
        made = create(*args, **options)
        signal.raise_signal(signal.SIGINT)
        return made

    monkeypatch.setattr(engine.sdk.api, "create_container", interrupted)
    with pytest.raises(KeyboardInterrupt), created(engine, image, "test"):
        pytest.fail("the signal was lost")

    assert containers(engine, image) == []
