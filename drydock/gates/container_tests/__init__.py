"""Run the application's unit tests inside the built image; positional arguments go to pytest.

Where the tests' lock names pytest-xdist, they run in a process for each core and one more; `-n 0`
runs them in one.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from drydock import toml
from drydock.engine.runtime import Run, started
from drydock.gates.container_tests import touched
from drydock.gates.gate import SOURCE, Facts
from drydock.gates.subject import Subject
from drydock.project import LOCK_FILES, lock
from drydock.verdict import Outcome, Verdict, and_more

GATE = "container_tests"
# In front of the record, which is the last output: JSON, compressed, as base 85.
MARK = "drydock-record:"
# The tests to begin with, a line each.
FIRST = "DRYDOCK_TESTS_FIRST"
# Writes the plugin, its first argument, where pytest finds it; a read-only root has a writable /tmp. Tests
# wait for servers and clocks: one process more than there are cores uses the time.
PROGRAM = """
import os, pathlib, sys, tempfile

folder = tempfile.mkdtemp()
pathlib.Path(folder, "drydock_record.py").write_text(sys.argv[1])
os.environ.setdefault("PYTEST_XDIST_AUTO_NUM_WORKERS", str(len(os.sched_getaffinity(0)) + 1))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-p", "drydock_record", *sys.argv[2:]])
"""
PLUGIN = Path(__file__).with_name("plugin.py").read_text(encoding="utf-8")
FACTS = Facts(
    inputs=tuple(
        f"{SOURCE}/{name}" for name in ("tests/", "pyproject.toml", "requirements-test.lock", *LOCK_FILES)
    ),
    settings=lambda _project, _target: {"plugin": PLUGIN},
    arguments=True,
    streams=True,
    changes="source",
    rank=10,
)
EVIDENCE_LINES = 40
NO_TESTS = 5  # pytest's exit code when it collected nothing
XDIST = "pytest-xdist"
# At most 8 processes: more would cost more memory than they save time.
PARALLEL = ("-n", "auto", "--maxprocesses", "8")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_COUNTS = re.compile(
    r"^=*\s*((?:\d+ (?:passed|failed|errors?|skipped|deselected|warnings?)(?:, )?)+) in ", re.MULTILINE
)


def judge(subject: Subject) -> Verdict:
    """Run pytest in a container of the test image, restricted as in production."""
    if not subject.project.tests:
        return Verdict(GATE, Outcome.PASSED, "no tests, as `tests = false` of the configuration says")
    output: list[str] = []
    xdist = lock.tests_have(subject.project, XDIST)
    command = workers(subject.arguments, configured(subject.project.source), xdist)
    # PYTEST_ADDOPTS would replace the image's own, which keeps pytest's cache off a read-only file system.
    progress = subject.workspace.progress
    named = ("--verbose",) if progress.names_tests else ()
    image = subject.workspace.tests_on(subject.target).image_id
    run = Run(image, command=(*named, *command), owner=GATE)
    # A part of the tests says nothing about the others.
    recorded = subject.project.touched_first and not subject.arguments
    if recorded:
        first = "\n".join(touched.first(subject.project))
        plugin = (PROGRAM, PLUGIN, *run.command)
        run = replace(run, entrypoint=("python3", "-c"), command=plugin, environment={FIRST: first})
    with started(subject.engine, run) as running:
        for text in shown(running.container.logs(stream=True, follow=True), output):
            progress.output(text)
        code = int(running.container.wait()["StatusCode"])
    text, _, packed = "".join(output).partition(MARK)
    if recorded:
        touched.keep(subject.project, packed.partition("\n")[0].strip())
    return decide(subject.target, code, text)


def shown(chunks: Iterable[bytes], output: list[str]) -> Iterator[str]:
    """Yield pytest's output as it comes, without the record at its end; `output` gets both."""
    record = False
    for chunk in chunks:
        output.append(text := chunk.decode("utf-8", "replace"))
        before, mark, _ = text.partition(MARK)
        if not record:
            yield before
        record = record or bool(mark)


def configured(source: Path) -> tuple[str, ...]:
    """Return pytest's `addopts` of pyproject.toml."""
    table = toml.read(source / "pyproject.toml").get("tool", {}).get("pytest", {})
    found = table.get("addopts", table.get("ini_options", {}).get("addopts", ""))
    return tuple(shlex.split(found) if isinstance(found, str) else found)


def workers(arguments: Sequence[str], configured: Sequence[str], xdist: bool) -> tuple[str, ...]:
    """Return pytest's arguments, with a number of processes unless the user chose one."""
    options = (*arguments, *configured)
    chosen = any(each.startswith(("-n", "--numprocesses")) or "no:xdist" in each for each in options)
    return (*(PARALLEL if xdist and not chosen else ()), *arguments)


def decide(target: str, code: int, output: str) -> Verdict:
    """Decide from pytest's exit code and output; the summary names the first failing test."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    counted, failed = _COUNTS.findall(plain), _FAILED.findall(plain)
    counts = counted[-1].strip(", ") if counted else ""
    figures = {"tests": counts, "failed": failed}
    if code == 0 and "passed" in counts:
        return Verdict(GATE, Outcome.PASSED, f"{counts} in the {target} image", measurements=figures)
    outcome, tail = Outcome.COULD_NOT_CHECK, "\n".join(plain.strip().splitlines()[-EVIDENCE_LINES:])
    if failed:
        outcome, summary = Outcome.FAILED, f"{counts} in the {target} image: {and_more(failed)}"
    elif code in (0, NO_TESTS):
        summary = f"pytest found no test to run in the {target} image: write one, or set tests = false"
    else:
        summary = f"pytest exited with {code} in the {target} image"
    return Verdict(GATE, outcome, summary, evidence=tail, measurements=figures)
