"""Other people's checks: hadolint, checkov and Trivy, each from its locked release."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drydock import command, errors
from drydock.gates.expectations import Finding, Report, Severity
from drydock.programs import tool, version
from drydock.progress import Say
from drydock.project.dockerfile import expand, instructions

TOOL_SECONDS = 300.0
# hadolint exits with 1 when it found something, checkov and Trivy as they are told here.
FINDINGS = (0, 1)


def hadolint(dockerfile: Path, say: Say) -> Report:
    """Lint a Dockerfile down to questions of style."""

    def read(output: str) -> Report:
        rows = json.loads(output)
        findings = [Finding(row["code"], f"line {row['line']}", row["message"], Severity.LOW) for row in rows]
        return Report("hadolint", findings=tuple(findings))

    args = ["--no-color", "--format", "json", "--failure-threshold", "style", str(dockerfile)]
    return _ask("hadolint", args, read, say)


def checkov(dockerfile: Path, say: Say) -> Report:
    """Check a Dockerfile against checkov's policies, without asking its makers' service."""
    with tempfile.TemporaryDirectory(prefix="drydock-checkov-") as folder:
        resolved = Path(folder) / "Dockerfile"
        # checkov takes `FROM ${IMAGE}` for an image without a tag.
        resolved.write_text(with_arguments(dockerfile.read_text(encoding="utf-8")), encoding="utf-8")
        return _checkov(resolved, say)


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


def _checkov(dockerfile: Path, say: Say) -> Report:

    def read(output: str) -> Report:
        content = json.loads(output)
        reports = content if isinstance(content, list) else [content]
        failed = [row for one in reports for row in one.get("results", {}).get("failed_checks", [])]
        checks = len(failed) + sum(one.get("summary", {}).get("passed", 0) for one in reports)
        findings = tuple(
            Finding(row["check_id"], _lines(row), row["check_name"], Severity.MEDIUM) for row in failed
        )
        return Report("checkov", checks, findings)

    args = ["--framework", "dockerfile", "--file", str(dockerfile), "--output", "json", "--compact"]
    # Nothing but this Dockerfile: a configuration file in the working directory could switch checks off.
    return _ask("checkov", [*args, "--quiet", "--skip-download"], read, say, counted=True)


def trivy_config(dockerfile: Path, say: Say) -> Report:
    """Check a Dockerfile against the checks that Trivy carries."""

    def read(output: str) -> Report:
        results = json.loads(output).get("Results") or []
        rows = [row for one in results for row in one.get("Misconfigurations") or []]
        checks = len(rows) + sum(one.get("MisconfSummary", {}).get("Successes", 0) for one in results)
        findings = tuple(
            Finding(
                row["ID"],
                f"line {row.get('CauseMetadata', {}).get('StartLine', 1)}",
                row["Message"],
                Severity.named(row["Severity"]),
            )
            for row in rows
            if row["Status"] == "FAIL"
        )
        return Report("trivy", checks, findings)

    args = ["config", "--skip-check-update", "--format", "json", "--quiet", str(dockerfile)]
    return _ask("trivy", args, read, say, counted=True)


def trivy_secrets(folder: Path, say: Say) -> Report:
    """Search the content of an image's files for secrets."""

    def read(output: str) -> Report:
        results = json.loads(output).get("Results") or []
        findings = tuple(
            Finding(
                f"secret-{row['RuleID']}",
                f"/{one['Target'].lstrip('/')}",
                f"line {row['StartLine']}: {row['Title']}",
                Severity.named(row["Severity"]),
            )
            for one in results
            for row in one.get("Secrets") or []
        )
        return Report("trivy secrets", findings=findings)

    args = [
        "filesystem",
        "--scanners",
        "secret",
        "--format",
        "json",
        "--quiet",
        "--offline-scan",
        str(folder),
    ]
    return _ask("trivy", args, read, say)


def _ask(
    name: str, args: Sequence[str], read: Callable[[str], Report], say: Say, counted: bool = False
) -> Report:
    """Run a tool and read what it says; whatever goes wrong on the way is a check that was not made.

    Args:
        name: The tool.
        args: Its arguments.
        read: Makes a report of its standard output.
        say: Takes progress while it is installed.
        counted: Whether the tool counts its checks, so that none at all means that it looked at nothing.
    """
    try:
        program = tool(name, say)
    except errors.DrydockError as error:
        return Report(name, faults=(f"{name} cannot be had: {error.args[0]}",))
    # From a folder of its own, so that no configuration file lying about changes what is checked.
    with tempfile.TemporaryDirectory(prefix="drydock-tool-") as folder:
        done = command.run([str(program), *args], check=False, cwd=Path(folder), timeout=TOOL_SECONDS)
    if done.code not in FINDINGS:
        return Report(name, faults=(f"{name} exited with {done.code}: {_end(done.stderr or done.stdout)}",))
    try:
        report = read(done.stdout)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Report(name, faults=(f"{name} answered what cannot be read ({error}): {_end(done.stderr)}",))
    if counted and report.checks == 0:
        return Report(name, faults=(f"{name} checked nothing",))
    return Report(f"{report.source} {version(name)}", report.checks, report.findings)


def _lines(row: Mapping[str, Any]) -> str:
    lines: Iterable[int] = row.get("file_line_range") or (1,)
    return f"line {next(iter(lines))}"


def _end(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"
