"""Run other projects' checks of a Dockerfile and of an image's files: hadolint, checkov and Trivy."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drydock import temporary
from drydock.build import warnings
from drydock.gates import tools
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report, Severity
from drydock.gates.subject import Subject
from drydock.gates.tools import Checked
from drydock.programs import version
from drydock.progress import Say
from drydock.project.dockerfile import arguments, expand, instructions

Row = Mapping[str, Any]


def _report(tool: str, source: str, ask: Callable[[], Checked], finding: Callable[[Row], Finding]) -> Report:
    """Return a tool's findings, or the reason for having none."""
    try:
        with tools.readable(tool):
            found = ask()
            return Report(f"{source} {version(tool)}", found.checks, tuple(map(finding, found.failed)))
    except CouldNotAskError as error:
        return Report(tool, faults=(str(error),))


def hadolint(dockerfile: Path, say: Say) -> Report:
    """Lint a Dockerfile down to questions of style."""
    args = ["--no-color", "--format", "json", "--failure-threshold", "style", str(dockerfile)]

    def finding(row: Row) -> Finding:
        return Finding(row["code"], f"line {row['line']}", row["message"], Severity.LOW)

    return _report("hadolint", "hadolint", lambda: Checked(0, tools.report("hadolint", args, say)), finding)


def buildkit(subject: Subject) -> Report:
    """Ask BuildKit for its own warnings, as `docker build --check` does; older ones have none to give."""
    source = "docker build --check"
    found = warnings(subject.engine, subject.project, subject.options())
    if isinstance(found, str):
        return Report(source, notes=(f"{source} was not asked: {found}",))

    def finding(row: Row) -> Finding:
        line = f"line {row['location']['ranges'][0]['start']['line']}"
        return Finding(row["ruleName"], line, row["detail"], Severity.LOW)

    return Report(source, findings=tuple(map(finding, found)))


def checkov(dockerfile: Path, say: Say) -> Report:
    def ask() -> Checked:
        with temporary.folder("checkov") as folder:
            resolved = folder / "Dockerfile"
            # checkov mistakes `FROM ${IMAGE}` for an image without a tag.
            resolved.write_text(with_arguments(dockerfile.read_text(encoding="utf-8")), encoding="utf-8")
            return tools.checkov("dockerfile", resolved, say)

    def finding(row: Row) -> Finding:
        line = f"line {(row.get('file_line_range') or (1,))[0]}"
        return Finding(row["check_id"], line, row["check_name"], Severity.MEDIUM)

    return _report("checkov", "checkov", ask, finding)


def trivy_config(dockerfile: Path, say: Say) -> Report:
    def finding(row: Row) -> Finding:
        line = f"line {row.get('CauseMetadata', {}).get('StartLine', 1)}"
        return Finding(row["ID"], line, row["Message"], Severity.named(row["Severity"]))

    return _report("trivy", "trivy", lambda: tools.trivy_config("dockerfile", dockerfile, say), finding)


def trivy_secrets(folder: Path, say: Say) -> Report:
    """Search the content of an image's files for secrets."""

    def finding(row: Row) -> Finding:
        text = f"line {row['StartLine']}: {row['Title']}"
        path = f"/{row['Target'].lstrip('/')}"
        return Finding(f"secret-{row['RuleID']}", path, text, Severity.named(row["Severity"]))

    return _report("trivy", "trivy secrets", lambda: tools.trivy_secrets(folder, say), finding)


def with_arguments(text: str) -> str:
    """Replace global ARGs by their defaults in a Dockerfile's FROM lines."""
    first = next((one.line for one in instructions(text) if one.keyword == "FROM"), 1)
    defaults = arguments("".join(text.splitlines(keepends=True)[: first - 1]))
    return re.sub(
        r"^FROM\s.*$", lambda line: expand(line[0], defaults), text, flags=re.MULTILINE | re.IGNORECASE
    )
