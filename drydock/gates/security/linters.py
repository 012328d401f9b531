"""Other people's checks of a Dockerfile and of an image's files: hadolint, checkov and Trivy."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from drydock.gates import tools
from drydock.gates.expectations import CouldNotAskError, Finding, Report, Severity
from drydock.programs import version
from drydock.progress import Say
from drydock.project.dockerfile import expand, instructions


def hadolint(dockerfile: Path, say: Say) -> Report:
    """Lint a Dockerfile down to questions of style."""

    def ask() -> Report:
        args = ["--no-color", "--format", "json", "--failure-threshold", "style", str(dockerfile)]
        rows = tools.report("hadolint", args, say)
        findings = (Finding(row["code"], f"line {row['line']}", row["message"], Severity.LOW) for row in rows)
        return Report(_named("hadolint"), findings=tuple(findings))

    return _answered("hadolint", ask)


def checkov(dockerfile: Path, say: Say) -> Report:
    """Check a Dockerfile against checkov's policies."""

    def ask() -> Report:
        with tempfile.TemporaryDirectory(prefix="drydock-checkov-") as folder:
            resolved = Path(folder) / "Dockerfile"
            # checkov takes `FROM ${IMAGE}` for an image without a tag.
            resolved.write_text(with_arguments(dockerfile.read_text(encoding="utf-8")), encoding="utf-8")
            checked = tools.checkov("dockerfile", resolved, say)
        findings = (
            Finding(row["check_id"], _lines(row), row["check_name"], Severity.MEDIUM)
            for row in checked.failed
        )
        return Report(_named("checkov"), checked.checks, tuple(findings))

    return _answered("checkov", ask)


def with_arguments(text: str) -> str:
    """Return a Dockerfile with the default of each global ARG put into its FROM lines."""
    head = itertools.takewhile(lambda one: one.keyword != "FROM", instructions(text))
    told = (one.text.partition("=") for one in head if one.keyword == "ARG")
    defaults = {name.strip(): value.strip().strip("\"'") for name, _, value in told}
    return re.sub(
        r"^FROM\s.*$",
        lambda line: expand(line[0], defaults),
        text,
        flags=re.MULTILINE | re.IGNORECASE,
    )


def trivy_config(dockerfile: Path, say: Say) -> Report:
    """Check a Dockerfile against the checks that Trivy carries."""

    def ask() -> Report:
        checked = tools.trivy_config("dockerfile", dockerfile, say)
        findings = (
            Finding(
                row["ID"],
                f"line {row.get('CauseMetadata', {}).get('StartLine', 1)}",
                row["Message"],
                Severity.named(row["Severity"]),
            )
            for row in checked.failed
        )
        return Report(_named("trivy"), checked.checks, tuple(findings))

    return _answered("trivy", ask)


def trivy_secrets(folder: Path, say: Say) -> Report:
    """Search the content of an image's files for secrets."""

    def ask() -> Report:
        findings = (
            Finding(
                f"secret-{row['RuleID']}",
                f"/{target.lstrip('/')}",
                f"line {row['StartLine']}: {row['Title']}",
                Severity.named(row["Severity"]),
            )
            for target, row in tools.trivy_secrets(folder, say)
        )
        return Report(_named("trivy", "trivy secrets"), findings=tuple(findings))

    return _answered("trivy", ask)


def _named(tool: str, source: str = "") -> str:
    return f"{source or tool} {version(tool)}"


def _answered(tool: str, ask: Callable[[], Report]) -> Report:
    """Return a report, or one that says why there is none."""
    try:
        return ask()
    except CouldNotAskError as error:
        return Report(tool, faults=(str(error),))
    except (KeyError, TypeError) as error:
        return Report(tool, faults=(f"{tool} answered what cannot be read ({error!r})",))


def _lines(row: Mapping[str, Any]) -> str:
    lines: Iterable[int] = row.get("file_line_range") or (1,)
    return f"line {next(iter(lines))}"
