"""Run the application's unit tests inside the built image; positional arguments go to pytest."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from drydock.engine.runtime import Run, has_file, started
from drydock.gates.gate import SOURCE, Facts
from drydock.project import LOCK_FILES
from drydock.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from drydock.gates.subject import Subject

GATE = "container_tests"
FACTS = Facts(
    inputs=tuple(f"{SOURCE}/{name}" for name in ("tests/", "requirements-test.lock", *LOCK_FILES)),
    arguments=True,
    streams=True,
    changes="source",
    rank=10,
)
EVIDENCE_LINES = 40
NO_TESTS = 5  # pytest's exit code when it collected nothing
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_COUNTS = re.compile(
    r"^=*\s*((?:\d+ (?:passed|failed|errors?|skipped|deselected|warnings?)(?:, )?)+) in ", re.MULTILINE
)
# The Dockerfile's stage `test` installs there.
XDIST = "/opt/test/xdist/__init__.py"
# More processes would need more memory than small machines have.
PARALLEL = ("-n", "auto", "--maxprocesses=8")
PYTEST_FILES = ("pyproject.toml", "pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
_SPREAD = re.compile(
    r"""(?:^|[\s"'=])(?:-n[\s"',=\d]|--numprocesses|--dist\b|(?:-p\s*)?no:xdist)""", re.MULTILINE
)


def judge(subject: Subject) -> Verdict:
    """Run pytest in a container of the test image, restricted as in production.

    The tests run in several processes where the test image has pytest-xdist and the project does not say how.
    """
    began = time.monotonic()
    output: list[str] = []
    spread = not says_how(subject.project.source) and has_file(subject.engine, subject.tests, XDIST)
    arguments = (*(PARALLEL if spread else ()), *subject.arguments)
    with started(subject.engine, Run(subject.tests, command=arguments, owner=GATE)) as running:
        for chunk in running.container.logs(stream=True, follow=True):
            text = chunk.decode("utf-8", "replace")
            output.append(text)
            subject.show(text)
        code = int(running.container.wait()["StatusCode"])
    return decide(subject.target, code, "".join(output), time.monotonic() - began)


def says_how(source: Path) -> bool:
    """Tell whether a project's pytest configuration says how to use pytest-xdist, or not to use it."""
    files = (source / name for name in PYTEST_FILES)
    return any(_SPREAD.search(file.read_text(encoding="utf-8")) for file in files if file.is_file())


def decide(target: str, code: int, output: str, seconds: float) -> Verdict:
    """Decide from pytest's exit code and output; the summary names the first failing test."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    counted = _COUNTS.findall(plain)
    counts = counted[-1].strip(", ") if counted else ""
    failed = _FAILED.findall(plain)
    measurements = {"tests": counts, "failed": failed}
    if code == 0 and "passed" in counts:
        return Verdict(
            GATE,
            Outcome.PASSED,
            f"{counts} in the {target} image",
            measurements=measurements,
            seconds=seconds,
        )
    tail = "\n".join(plain.strip().splitlines()[-EVIDENCE_LINES:])
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        summary = f"{counts} in the {target} image: {failed[0]}{more}"
        return Verdict(
            GATE, Outcome.FAILED, summary, evidence=tail, measurements=measurements, seconds=seconds
        )
    if code in (0, NO_TESTS):
        summary = f"pytest found no test to run in the {target} image"
    else:
        summary = f"pytest exited with {code} in the {target} image"
    return Verdict(GATE, Outcome.COULD_NOT_CHECK, summary, evidence=tail, seconds=seconds)
