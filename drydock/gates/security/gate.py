"""Everything that can be known about an image's hardening, in one verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drydock import image as images
from drydock.engine import Engine
from drydock.gates import budget
from drydock.gates.expectations import Case, Expectations, Finding, Report, judge, load
from drydock.gates.security import base, contents, expected, files, health, history, linters, metadata
from drydock.gates.security.checks import CHECKS
from drydock.image import Anatomy, Image
from drydock.progress import Say
from drydock.project import Project
from drydock.verdict import Verdict

GATE = "security"
ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group")
# The health check mostly waits; the rest keeps one more processor busy.
THREADS = 2


@dataclass(frozen=True)
class Subject:
    """What is judged.

    Args:
        engine: Where the image is.
        project: Whose image it is.
        expectations: What the project expects.
        image: The image.
        target: Its target.
        dockerfile: What it was built from.
        say: Takes one line of progress at a time.
    """

    engine: Engine
    project: Project
    expectations: Expectations
    image: Image
    target: str
    dockerfile: Path
    say: Say


def run(engine: Engine, project: Project, image: str, target: str, say: Say) -> Verdict:
    """Check an image and its Dockerfile.

    Args:
        engine: Where the image is.
        project: Whose image it is.
        image: Its id.
        target: Its target.
        say: Takes one line of progress at a time.

    Raises:
        errors.BadConfiguration: The expectations cannot be read.
    """
    began = time.monotonic()
    today = datetime.now(UTC).date()
    expectations = load(project.root, today)
    subject = Subject(
        engine, project, expectations, images.read(engine, image), target, project.dockerfile, say
    )
    with ThreadPoolExecutor(THREADS) as pool:
        # First, since it waits for probes while the others work.
        waiting = pool.submit(_health, subject)
        others = pool.submit(lambda: [report for group in GROUPS for report in group(subject)])
        reports = [*others.result(), *waiting.result()]
    case = Case(GATE, target, "checks", expectations.security.ignore, today)
    return judge(case, reports, time.monotonic() - began)


def _report(source: str, findings: Iterable[Finding], expectations: int = 0) -> Report:
    return Report(source, len(CHECKS[source]) + expectations, tuple(findings))


def _configuration(subject: Subject) -> Iterator[Report]:
    wanted = subject.expectations.image
    found = metadata.check(subject.image.config, wanted)
    yield _report("configuration", found, len(wanted.env) + len(wanted.labels))
    present = base.look(subject.engine, subject.image)
    own_layers = subject.target != "production"
    yield _report("base", base.check(subject.image, subject.expectations.base, present, own_layers))


def _history(subject: Subject) -> Iterator[Report]:
    made = history.check_layers(subject.image.layers)
    lines = history.check_dockerfile(subject.dockerfile.read_text(encoding="utf-8"))
    yield _report("history", (*made, *lines))


def _files(subject: Subject) -> Iterator[Report]:
    anatomy = Anatomy(subject.image)
    wanted = subject.expectations
    found = files.check(
        anatomy.tree, subject.image.config, wanted.security.sources, wanted.image.volumes or ()
    )
    there = files.installed(anatomy.tree, anatomy.inventory, wanted.packages, subject.target)
    yield _report("files", (*found, *there))
    with contents.unpacked(subject.engine, subject.image.id) as folder:
        texts = [contents.text(folder, path) for path in ACCOUNTS]
        yield _report("accounts", files.accounts(*texts))
        different = expected.files(anatomy.tree, folder, wanted.file, subject.target)
        yield _report("expected files", different, len(wanted.file))
        yield linters.trivy_secrets(folder, subject.say)


def _commands(subject: Subject) -> Iterator[Report]:
    wanted = subject.expectations.command
    found = expected.run_commands(
        wanted,
        subject.target,
        lambda item: expected.in_container(subject.engine, subject.image.id, item),
    )
    yield _report("commands", found, len(wanted))


def _linters(subject: Subject) -> Iterator[Report]:
    for lint in (linters.hadolint, linters.checkov, linters.trivy_config):
        yield lint(subject.dockerfile, subject.say)


def _budget(subject: Subject) -> Iterator[Report]:
    limit = subject.project.budgets.get(subject.target)
    if limit is None:
        return
    judged = budget.judge(subject.image, limit, subject.target)
    found = () if judged.passed else (Finding("budget", subject.target, judged.summary),)
    yield _report("budget", found)


def _health(subject: Subject) -> list[Report]:
    found = subject.image.config.healthcheck
    # Without a HEALTHCHECK there is nothing to see; the configuration's check says so.
    if not subject.expectations.image.health.live or not found.get("Test"):
        return []
    return [health.run(subject.engine, subject.project, subject.image.id, found)]


GROUPS: tuple[Callable[[Subject], Iterator[Report]], ...] = (
    _configuration,
    _history,
    _files,
    _commands,
    _linters,
    _budget,
)
