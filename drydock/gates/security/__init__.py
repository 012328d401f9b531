"""Hold Dockerfile and image against hadolint, checkov, Trivy and image/expectations.toml."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from drydock import command
from drydock.gates import budget, contents
from drydock.gates.expectations.findings import Finding, Report, decide
from drydock.gates.expectations.model import Expectations
from drydock.gates.expectations.read import INPUTS
from drydock.gates.gate import Facts
from drydock.gates.security import base, expected, files, health, history, linters, metadata
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.verdict import Verdict

GATE = "security"
ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group")
# Every check of ours by group; docs/background/security.md says what each asks, and which peers ask it.
CHECKS: dict[str, tuple[str, ...]] = {
    "configuration": (
        *("user", "env-secret", "env", "entrypoint", "cmd", "shell-form", "workdir", "stop-signal", "ports"),
        *("volumes", "sensitive-volume", "on-build", "architecture", "labels", "healthcheck"),
    ),
    "base": ("base",),
    "history": ("add", "update-alone", "upgrade", "sudo", "unverified", "history-secret"),
    "files": (
        *("setuid", "world-writable", "app-writable", "secret-file", "unneeded-file", "cache-file"),
        *("packages", "programs"),
    ),
    "accounts": ("empty-password", "duplicate-id"),
    "expected files": ("file", "content"),
    "commands": ("command",),
    "budget": ("budget",),
    "health": ("health",),
}


def _settings(project: Project, target: str) -> Mapping[str, Any]:
    limits = {name: asdict(one) for name, one in project.budgets.items() if name.split(" ")[0] == target}
    environment = dict(project.development.environment)
    return {"budget": limits, "port": project.port, "environment": environment}


FACTS = Facts(
    inputs=(*INPUTS, "Dockerfile"), settings=_settings, programs=("hadolint", "checkov", "trivy"), rank=40
)


def judge(subject: Subject) -> Verdict:
    expectations = subject.expectations
    healthcheck = subject.image.config.healthcheck
    # This thread owns the container: an interrupt removes it first, which ends the other thread's wait.
    with command.beside(2) as pool, ExitStack() as stack:
        waiting: list[Future[Report]] = []
        # The configuration's check reports a missing HEALTHCHECK.
        if expectations.image.health.live and healthcheck.get("Test"):
            probed = health.probed(subject.engine, subject.project, subject.image.id, healthcheck)
            running = stack.enter_context(probed)
            waiting.append(pool.submit(health.watch, running, healthcheck, subject.engine.podman))
        # The linters read the Dockerfile alone, while this thread unpacks and reads the image.
        for lint in LINTERS:
            waiting.append(pool.submit(lint, subject.project.dockerfile, subject.say))
        waiting.append(pool.submit(linters.buildkit, subject))
        reports = [report for group in GROUPS for report in group(subject, expectations)]
        reports += [one.result() for one in waiting]
    return decide(GATE, subject.target, reports, expectations.security.ignore)


def _report(source: str, findings: Iterable[Finding], expectations: int = 0) -> Report:
    return Report(source, len(CHECKS[source]) + expectations, tuple(findings))


def _configuration(subject: Subject, wanted: Expectations) -> Iterator[Report]:
    found = metadata.check(subject.image.config, wanted.image)
    yield _report("configuration", found, len(wanted.image.env) + len(wanted.image.labels))
    present = base.look(subject.engine, subject.image)
    own_layers = subject.target != "production"
    yield _report("base", base.check(subject.image, wanted.base, present, own_layers))


def _history(subject: Subject, _: Expectations) -> Iterator[Report]:
    made = history.check_layers(subject.image.layers)
    lines = history.check_dockerfile(subject.project.dockerfile.read_text(encoding="utf-8"))
    yield _report("history", (*made, *lines))


def _files(subject: Subject, wanted: Expectations) -> Iterator[Report]:
    anatomy, volumes = subject.anatomy, wanted.image.volumes or ()
    found = files.check(anatomy.tree, subject.image.config, wanted.security.sources, volumes)
    there = files.installed(anatomy.tree, anatomy.inventory, wanted.packages, subject.target)
    yield _report("files", (*found, *there))
    with subject.contents() as folder:
        texts = [contents.text(folder, path) for path in ACCOUNTS]
        yield _report("accounts", files.accounts(*texts))
        different = expected.files(anatomy.tree, folder, wanted.file, subject.target)
        yield _report("expected files", different, len(wanted.file))
        yield linters.trivy_secrets(folder, subject.say)


def _commands(subject: Subject, wanted: Expectations) -> Iterator[Report]:
    run = functools.partial(expected.in_container, subject.engine, subject.image.id)
    found = expected.run_commands(wanted.command, subject.target, run)
    yield _report("commands", found, len(wanted.command))


def _budget(subject: Subject, _: Expectations) -> Iterator[Report]:
    if subject.target in subject.project.budgets:
        limit = subject.project.budget(subject.name)
        judged = budget.judge(subject.image, limit, subject.name)
        found = () if judged.passed else (Finding("budget", subject.target, judged.summary),)
        yield _report("budget", found)


LINTERS = (linters.hadolint, linters.checkov, linters.trivy_config)
GROUPS = (_configuration, _history, _files, _commands, _budget)
