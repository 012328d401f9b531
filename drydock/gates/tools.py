"""Other people's checks: one door to the locked programs, one reader for each report.

Whatever goes wrong on the way is a check that was not made, and is told as such.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import command
from drydock.errors import DrydockError
from drydock.gates.expectations import CouldNotAskError
from drydock.programs import tool
from drydock.progress import Say

TOOL_SECONDS = 300.0
# hadolint exits with 1 when it found something, checkov and Trivy as they are told here.
FINDINGS = (0, 1)


@dataclass(frozen=True)
class Checked:
    """What a scanner of configurations says."""

    checks: int  # how many things it asked
    failed: tuple[Mapping[str, Any], ...]  # its rows about those that are wrong, in its own words


def run(name: str, args: Sequence[str], say: Say) -> command.Completed:
    """Run a locked program in an empty folder: no configuration file may change what is checked."""
    try:
        program = tool(name, say)
    except DrydockError as error:
        raise CouldNotAskError(f"{name} cannot be had: {error.args[0]}") from error
    with tempfile.TemporaryDirectory(prefix="drydock-tool-") as folder:
        return command.run([str(program), *args], check=False, cwd=Path(folder), timeout=TOOL_SECONDS)


def report(name: str, args: Sequence[str], say: Say) -> Any:
    """Return the JSON report of a locked program."""
    done = run(name, args, say)
    if done.code not in FINDINGS:
        raise CouldNotAskError(f"{name} exited with {done.code}: {_end(done.stderr or done.stdout)}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise CouldNotAskError(
            f"{name} answered what cannot be read ({error}): {_end(done.stderr)}"
        ) from error


def checkov(framework: str, file: Path, say: Say) -> Checked:
    """Check a file against checkov's policies, without asking its makers' service."""
    args = ["--framework", framework, "--file", str(file), "--output", "json", "--compact"]
    return checkov_report(report("checkov", [*args, "--quiet", "--skip-download"], say))


def checkov_report(content: Any) -> Checked:
    """Read checkov's report."""
    parts = content if isinstance(content, list) else [content]
    try:
        found = [one for one in parts if "results" in one]
        unread = [
            one["results"].get("parsing_errors") for one in found if one["summary"].get("parsing_errors")
        ]
        failed = [row for one in found for row in one["results"]["failed_checks"]]
        passed = sum(one["summary"].get("passed", 0) for one in found)
    except (KeyError, TypeError, AttributeError) as error:
        raise CouldNotAskError(f"checkov answered what cannot be read ({error!r})") from error
    if unread:
        raise CouldNotAskError(f"checkov cannot parse {', '.join(map(str, unread))}")
    if not failed and not passed:
        raise CouldNotAskError("checkov checked nothing")
    return Checked(len(failed) + passed, tuple(failed))


def trivy_config(kind: str, path: Path, say: Say) -> Checked:
    """Check a file or a folder against the checks that Trivy carries."""
    args = ["config", "--skip-check-update", "--misconfig-scanners", kind, "--format", "json", "--quiet"]
    return trivy_report(report("trivy", [*args, str(path)], say), kind)


def trivy_report(content: Any, kind: str) -> Checked:
    """Read Trivy's report about one kind of file."""
    try:
        results = [one for one in content.get("Results") or () if one.get("Type") == kind]
        rows = [row for one in results for row in one.get("Misconfigurations") or ()]
        passed = sum(one.get("MisconfSummary", {}).get("Successes", 0) for one in results)
    except (TypeError, AttributeError) as error:
        raise CouldNotAskError(f"trivy answered what cannot be read ({error!r})") from error
    if not rows and not passed:
        raise CouldNotAskError(f"trivy checked nothing: it saw no {kind}")
    return Checked(len(rows) + passed, tuple(row for row in rows if row.get("Status", "FAIL") == "FAIL"))


def trivy_secrets(folder: Path, say: Say) -> list[tuple[str, Mapping[str, Any]]]:
    """Search files for secrets; return each file's path with Trivy's row about one."""
    args = ["filesystem", "--scanners", "secret", "--format", "json", "--quiet", "--offline-scan"]
    content = report("trivy", [*args, str(folder)], say)
    try:
        return [
            (one["Target"], row) for one in content.get("Results") or () for row in one.get("Secrets") or ()
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise CouldNotAskError(f"trivy answered what cannot be read ({error!r})") from error


def _end(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"
