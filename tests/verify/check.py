"""Verify one project as its developer would use it: init, build, start, ask over HTTP."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drydock import command, recipe
from drydock.detect import detect
from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.engine import LABEL, Engine
from drydock.engine.errors import ContainerExited
from drydock.errors import DrydockError
from drydock.gates import smoke
from drydock.gates.subject import Subject
from drydock.project import TARGETS, Development, Project
from drydock.publish.builds import open_workspace
from drydock.workspace import Workspace
from tests.detect.support import summary
from tests.support.images import remove_repository
from tests.verify.cases import Case
from tests.verify.services import services

PREFIX = "verify-"
REASON_LENGTH = 160  # characters
EVIDENCE_LINES = 30


@dataclass(frozen=True)
class Row:
    """The result for one project.

    Args:
        right: Number of correct facts.
        wrong: The other facts, each with the finding.
        refused: By `init`.
        built: Into images.
        answered: Both images started, answered, and stopped.
        sizes: Bytes on disk by target.
        seconds: From the copy of the project to its last answer.
        said: The reason why it did not answer, or empty.
        evidence: The end of the failed build's or container's output.
        expected: Whether the example expects this result.
    """

    name: str
    right: int
    wrong: tuple[str, ...]
    refused: bool = False
    built: bool = False
    answered: bool = False
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    said: str = ""
    evidence: str = ""
    expected: bool = False

    @property
    def is_good(self) -> bool:
        """Whether all of it is as expected."""
        return self.expected and not self.wrong


def check(case: Case, engine: Engine, folder: Path) -> Row:
    """Verify one project in a new folder, which must not exist yet."""
    began = time.monotonic()
    place = case.copy(folder)
    row = _facts(case, place)
    if case.is_refused:
        row = _refused(case, row, place)
    if row.expected or not case.is_refused:
        row = _answered(case, row, place, engine) if case.options or not case.is_refused else row
    return dataclasses.replace(row, seconds=time.monotonic() - began)


def _facts(case: Case, place: Path) -> Row:
    """Compare findings with facts."""
    found = summary(detect(place))
    expected = {"conflicts": [], "blockers": [], **case.expected}
    wrong = tuple(
        f"{key} is {found[key]!r}, not {value!r}" for key, value in expected.items() if found[key] != value
    )
    return Row(case.name, len(expected) - len(wrong), wrong)


def _refused(case: Case, row: Row, place: Path) -> Row:
    """Check that `init` refuses a project for the right reason."""
    try:
        recipe.init(place, {}, dry_run=True)
    except Undecided as error:
        texts = (case.expected.get("conflict_text", ""), case.expected.get("blocker_text", ""))
        said = error.evidence
        expected = all(text in said for text in texts)
        return dataclasses.replace(row, refused=True, said=_line(said), expected=expected)
    return dataclasses.replace(row, said="init refused nothing")


def _answered(case: Case, row: Row, place: Path, engine: Engine) -> Row:
    """Build both images and the test image, start pytest, and start and ask production."""
    sizes: dict[str, int] = {}
    try:
        recipe.init(place, case.options, force=True)
        project = _named(load(place), case)
        with _images(engine, project), services(case.services, engine) as given:
            told = {name: text.format(**given) for name, text in case.variables.items()}
            environment = {**project.development.environment, **told}
            project = dataclasses.replace(project, development=Development(environment))
            workspace = open_workspace(engine, project)
            for target in TARGETS:
                sizes[target] = workspace.measured(target).on_disk
            _start_pytest(workspace)
            verdicts = [smoke.judge(Subject(workspace, target)) for target in TARGETS]
    except DrydockError as error:
        return _ended(case, row, sizes, str(error), error.evidence)
    faults = [
        f"{target}: {fault}"
        for target, verdict in zip(TARGETS, verdicts, strict=True)
        if not verdict.passed
        for fault in verdict.details or (verdict.summary,)
    ]
    if faults:
        evidence = [*faults, *(verdict.evidence for verdict in verdicts if not verdict.passed)]
        return _ended(case, row, sizes, faults[0], "\n".join(evidence))
    return dataclasses.replace(row, built=True, answered=True, sizes=sizes, expected=not case.reason)


def _start_pytest(workspace: Workspace) -> None:
    """Check that the test image builds and starts pytest; the project's own tests may need anything."""
    image = workspace.tests_on("production").image_id
    started = ["docker", "run", "--rm", f"--label={LABEL}=verify", image, "--version"]
    done = command.run(started, env=workspace.engine.environment, check=False)
    if done.code != 0:
        raise ContainerExited(
            image="its tests",
            code=done.code,
            when="when pytest was asked for its version",
            evidence=done.stderr,
        )


def _ended(case: Case, row: Row, sizes: Mapping[str, int], said: str, evidence: str) -> Row:
    """Return the result for a project that did not answer."""
    return dataclasses.replace(
        row,
        built=len(sizes) == len(TARGETS),
        sizes=sizes,
        said=_line(said),
        evidence="\n".join(evidence.splitlines()[-EVIDENCE_LINES:]),
        expected=bool(case.reason) and case.reason in f"{said}\n{evidence}",
    )


def _named(project: Project, case: Case) -> Project:
    """Return a project with a unique image name and the requests for its container."""
    name = PREFIX + case.name.lower().replace("_", "-").strip(".-")
    return dataclasses.replace(project, image=name, smoke=case.requests)


@contextmanager
def _images(engine: Engine, project: Project) -> Iterator[None]:
    try:
        yield
    finally:
        remove_repository(engine, project.image)


def _line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= REASON_LENGTH else f"{words[:REASON_LENGTH]}…"


def faults(rows: Sequence[Row]) -> list[str]:
    """Return the unexpected results, one line each."""
    found = [f"{row.name}: {fact}" for row in rows for fact in row.wrong]
    return found + [f"{row.name}: {row.said or 'it answered'}" for row in rows if not row.expected]
