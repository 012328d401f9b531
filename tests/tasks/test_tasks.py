from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drydock.detect.errors import Undecided
from drydock.engine import LABEL, Engine
from drydock.engine.errors import ImageMissing
from drydock.errors import BadConfiguration, DrydockError
from drydock.project.errors import LockStale, NoProject, UnknownTarget
from drydock.publish.errors import IllegalReference
from drydock.release.errors import NoRegistry
from tests.conftest import ROOT, MakeProject
from tests.support.terminal import watch

pytestmark = pytest.mark.live

INVOKE = [sys.executable, "-m", "invoke"]


def invoke(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*INVOKE, *args], cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(signal.SIGINT, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.acceptance),
    ],
)
def test_run_prints_a_line_that_works_as_it_is_and_ends_with_ctrl_c(
    engine: Engine, ending: signal.Signals
) -> None:
    process = subprocess.Popen(
        [*INVOKE, "run"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    while not (line := process.stdout.readline()).startswith("curl "):
        assert line, "invoke run ended before it was ready"
    words = shlex.split(line)
    name, _, value = words[words.index("-H") + 1].partition(": ")
    with urllib.request.urlopen(urllib.request.Request(words[-1], headers={name: value})) as answer:
        assert (answer.status, json.load(answer)) == (200, [])

    process.send_signal(ending)

    assert process.wait(30) == 0
    left = engine.sdk.containers.list(all=True, filters={"label": f"{LABEL}=run"})
    port = urlsplit(words[-1]).port
    assert [container.name for container in left if f"'{port}'" in str(container.ports)] == []


def test_build_tells_a_program_what_it_made() -> None:
    done = invoke("build", "--json")

    found = json.loads(done.stdout)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", found["image_id"])
    assert 0 < found["on_wire"] < found["on_disk"] < found["budget_on_disk"]
    assert 0 <= found["steps_cached"] <= found["steps"]


def test_a_quiet_build_prints_only_its_result() -> None:
    done = invoke("build", "--quiet")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:2] == ["target", "production"]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_build_fits_the_terminal_and_ends_with_its_result(columns: int) -> None:
    seen = watch([*INVOKE, "build"], columns=columns, cwd=ROOT)

    # A step that ran has its own line; all cached steps share one.
    steps = [
        line for line in seen.text.splitlines() if re.search(r"(COPY|RUN|WORKDIR) |cached  \d+ step", line)
    ]
    assert seen.code == 0
    assert steps
    assert [line for line in steps if len(re.split(r"\r", line)[-1]) > columns] == []
    assert re.search(r"on the wire +[\d.]+ MB", seen.text)


def test_a_result_goes_into_its_file_whatever_moves_on_the_terminal(tmp_path: Path) -> None:
    into = 'out="$1"; shift; "$@" > "$out"'
    result = tmp_path / "result"

    seen = watch(["sh", "-c", into, "sh", str(result), *INVOKE, "doctor"], columns=80, cwd=ROOT)

    assert "examining this machine" in seen.text
    assert re.search(r"^ok +engine ", result.read_text(), re.MULTILINE)
    assert "buildx" not in seen.text


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("TTY_INTERACTIVE", "0")])
def test_a_terminal_that_must_not_move_gets_one_line_a_step(variable: str, value: str) -> None:
    seen = watch([*INVOKE, "build"], columns=80, cwd=ROOT, env={variable: value, "NO_COLOR": "1"})

    assert re.findall(r"\x1b\[\d*[A-K]", seen.raw) == []
    assert re.findall(r"\x1b\[3\dm", seen.raw) == []
    assert "\nbuilding production\n" in seen.text


@pytest.mark.parametrize(
    ("args", "error", "line"),
    [
        (
            ("build", "--target", "prod"),
            UnknownTarget,
            "error: there is no target 'prod'; choose one of",
        ),
        (("push",), NoRegistry, "error: no registry is named; give one with --registry"),
        (
            ("build", "--project", "nowhere"),
            NoProject,
            "error: nowhere is not a folder; name the project's folder with --project",
        ),
        (
            ("build", "--project", "tests/apps/blocked_gpu"),
            Undecided,
            "blocked_gpu cannot be decided from its files; decide them as the lines above say",
        ),
        (("build", "--build-arg", "UID"), BadConfiguration, "error: --build-arg UID: no value; write"),
    ],
)
def test_bad_input_is_one_line_with_its_own_exit_code(
    args: tuple[str, ...], error: type[DrydockError], line: str
) -> None:
    done = invoke(*args)

    assert done.returncode == error.exit_code
    assert line in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_an_illegal_registry_is_refused_before_anything_else_is_said() -> None:
    done = invoke("push", "--registry", "localhost:5000/Two Words")

    assert done.returncode == IllegalReference.exit_code
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("error: 'localhost:5000/Two Words/image' is not a valid image reference: ")


def test_a_stale_lock_stops_the_build_before_it_begins(make_project: MakeProject) -> None:
    manifest = '[project]\nname = "shop"\ndependencies = ["fastapi"]\n'
    project = make_project(
        {
            "pyproject.toml": manifest,
            "requirements.lock": "starlette==1.0.0\n",
            "Dockerfile": "# drydock's\nFROM scratch AS production\n",
        }
    )

    done = invoke("build", "--project", str(project.root))

    assert done.returncode == LockStale.exit_code
    assert f"fastapi is not in it; renew it with `invoke lock --project {project.root}`" in done.stderr


def test_tagging_what_was_never_built_says_so(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": '[project]\nname = "never-built"\nversion = "1"\n'})

    done = invoke("tag", "--project", str(project.root))

    assert done.returncode == ImageMissing.exit_code
    assert "image never-built:dev is not on this engine; build it with `invoke build`" in done.stderr
