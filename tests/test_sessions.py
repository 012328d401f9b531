from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import noxfile
from drydock import sessions
from drydock.gates.gate import registry
from tests.conftest import ROOT


def nox(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nox", *args], cwd=ROOT, check=False, capture_output=True, text=True
    )


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    left_out = pytestconfig.getini("norecursedirs")
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}

    assert [str(f) for f in folders if any(fnmatch(part, one) for part in f.parts for one in left_out)] == []


def test_lint_takes_no_project() -> None:
    done = nox("-s", "lint", "--", "--project", "../svc")

    assert done.returncode != 0
    assert "error: lint looks at this repository alone and takes no arguments; give none" in done.stderr


def test_a_gates_session_takes_a_platform() -> None:
    found = sessions.parse(registry()["smoke"], ["--platform", "linux/arm64", "--target", "slim"])

    assert (found.platform, found.targets) == ("linux/arm64", ["slim"])


def test_sessions_keep_the_bytecode_of_what_they_start() -> None:
    program = "import os; from drydock import sessions; print('PYTHONDONTWRITEBYTECODE' in os.environ)"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )

    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("given", "parallel"),
    [([], True), (["-x"], True), (["--lf", "-x"], True), (["tests/cli"], False), (["-k", "title"], False)],
)
def test_options_alone_are_for_all_tests(given: list[str], parallel: bool) -> None:
    ran: list[str] = []
    session: Any = SimpleNamespace(posargs=given, run=lambda *args, **_: ran.extend(args))
    noxfile.tests.func(session)

    assert ran[-len(given) :] == given or not given
    assert ("-n" in ran, "tests" in ran) == (parallel, parallel)


FAULTS = """
import resource
from drydock.project.compression import ZSTD

def faults(compressors):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(compressors):
        compressor = ZSTD.compressor()
        compressor.compress(b"x")
        compressor.flush()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(1)
print(faults(5))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such settings")
def test_tests_fetch_the_memory_of_a_compressor_once() -> None:
    given: dict[str, str] = {}
    session: Any = SimpleNamespace(posargs=[], run=lambda *_, env, **__: given.update(env))
    noxfile.tests.func(session)
    bare = {name: value for name, value in os.environ.items() if name not in given}

    def faults(environment: dict[str, str]) -> int:
        started = environment | {"PYTHONPATH": str(ROOT)}
        return int(subprocess.check_output([sys.executable, "-c", FAULTS], env=started, text=True))

    assert faults(bare | given) * 2 < faults(bare)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tests_that_are_stopped_remove_what_they_started(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_slow.py").write_text(
        "import pathlib, pytest, time\n"
        "started = pathlib.Path(__file__).with_name('started')\n"
        "@pytest.fixture\n"
        "def server():\n"
        "    started.touch()\n"
        "    yield\n"
        "    time.sleep(1)  # nox by itself would kill it by now\n"
        "    started.unlink()\n"
        "def test_slow(server):\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "nox", "-s", "tests", "--", "-p", "tests.conftest", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while not (started := tmp_path / "started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(process.pid, number)
        assert process.wait(120) != 0
    assert not started.exists()
