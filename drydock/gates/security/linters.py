"""Run other projects' checks of a Dockerfile and of an image's files: hadolint, checkov and Trivy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drydock import temporary
from drydock.build import warnings
from drydock.gates import tools
from drydock.gates.expectations import CouldNotAskError, Finding, Report, Severity
from drydock.gates.subject import Subject
from drydock.programs import version
from drydock.progress import Say
from drydock.project.dockerfile import arguments, expand, instructions


def _answered(tool: str, source: str, ask: Callable[[], tuple[int, list[Finding]]]) -> Report:
    """Return a tool's findings, or the reason for having none."""
    try:
        with tools.readable(tool):
            checks, findings = ask()
    except CouldNotAskError as error:
        return Report(tool, faults=(str(error),))
    return Report(f"{source} {version(tool)}", checks, tuple(findings))


def hadolint(dockerfile: Path, say: Say) -> Report:
    """Lint a Dockerfile down to questions of style."""

    def ask() -> tuple[int, list[Finding]]:
        args = ["--no-color", "--format", "json", "--failure-threshold", "style", str(dockerfile)]
        rows = tools.report("hadolint", args, say)
        return 0, [Finding(row["code"], f"line {row['line']}", row["message"], Severity.LOW) for row in rows]

    return _answered("hadolint", "hadolint", ask)


def buildkit(subject: Subject) -> Report:
    """Ask BuildKit for its own warnings, as `docker build --check` does; older ones have none to give."""
    found = warnings(subject.engine, subject.project, subject.options())
    if isinstance(found, str):
        return Report("docker build --check", notes=(f"docker build --check was not asked: {found}",))

    def line(row: Mapping[str, Any]) -> str:
        return f"line {row['location']['ranges'][0]['start']['line']}"

    return Report(
        "docker build --check",
        findings=tuple(Finding(row["ruleName"], line(row), row["detail"], Severity.LOW) for row in found),
    )


def checkov(dockerfile: Path, say: Say) -> Report:
    def line(row: Mapping[str, Any]) -> str:
        return f"line {(row.get('file_line_range') or (1,))[0]}"

    def ask() -> tuple[int, list[Finding]]:
        with temporary.folder("checkov") as folder:
            resolved = folder / "Dockerfile"
            # checkov mistakes `FROM ${IMAGE}` for an image without a tag.
            resolved.write_text(with_arguments(dockerfile.read_text(encoding="utf-8")), encoding="utf-8")
            found = tools.checkov("dockerfile", resolved, say)
        rows = found.failed
        return found.checks, [
            Finding(row["check_id"], line(row), row["check_name"], Severity.MEDIUM) for row in rows
        ]

    return _answered("checkov", "checkov", ask)


def trivy_config(dockerfile: Path, say: Say) -> Report:
    def finding(row: Mapping[str, Any]) -> Finding:
        line = f"line {row.get('CauseMetadata', {}).get('StartLine', 1)}"
        return Finding(row["ID"], line, row["Message"], Severity.named(row["Severity"]))

    def ask() -> tuple[int, list[Finding]]:
        found = tools.trivy_config("dockerfile", dockerfile, say)
        return found.checks, [finding(row) for row in found.failed]

    return _answered("trivy", "trivy", ask)


def trivy_secrets(folder: Path, say: Say) -> Report:
    """Search the content of an image's files for secrets."""

    def finding(target: str, row: Mapping[str, Any]) -> Finding:
        text = f"line {row['StartLine']}: {row['Title']}"
        severity = Severity.named(row["Severity"])
        return Finding(f"secret-{row['RuleID']}", f"/{target.lstrip('/')}", text, severity)

    def ask() -> tuple[int, list[Finding]]:
        return 0, [finding(target, row) for target, row in tools.trivy_secrets(folder, say)]

    return _answered("trivy", "trivy secrets", ask)


def with_arguments(text: str) -> str:
    """Replace global ARGs by their defaults in a Dockerfile's FROM lines."""
    first = next((one.line for one in instructions(text) if one.keyword == "FROM"), 1)
    defaults = arguments("".join(text.splitlines(keepends=True)[: first - 1]))
    return re.sub(
        r"^FROM\s.*$", lambda line: expand(line[0], defaults), text, flags=re.MULTILINE | re.IGNORECASE
    )
