"""Run other projects' checks: one door to the locked programs, one reader for each report.

Every failure on the way raises CouldNotAskError: the check was not made.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import command, temporary
from drydock.errors import DrydockError
from drydock.gates.expectations.findings import CouldNotAskError
from drydock.programs import tool
from drydock.progress import Say

TOOL_SECONDS = 300.0
# Some of them exit with 1 when they found something.
FINDINGS = (0, 1)


@dataclass(frozen=True)
class Checked:
    checks: int  # number of checks made
    failed: tuple[Mapping[str, Any], ...]  # the failed ones, in the scanner's own format


def run(name: str, args: Sequence[str], say: Say) -> command.Completed:
    """Run a locked program in an empty folder, where no configuration file can change its checks."""
    try:
        program = tool(name, say)
    except DrydockError as error:
        raise CouldNotAskError(f"{name} is not available: {error.args[0]}") from error
    with temporary.folder("tool") as folder:
        # Without bytecode, half of a scanner's seconds go into compiling its own imports.
        bytecode = {"PYTHONDONTWRITEBYTECODE": ""}
        return command.run([str(program), *args], check=False, cwd=folder, env=bytecode, timeout=TOOL_SECONDS)


def report(name: str, args: Sequence[str], say: Say) -> Any:
    done = run(name, args, say)
    if done.code not in FINDINGS:
        raise CouldNotAskError(f"{name} exited with {done.code}: {done.last}")
    with readable(name):
        return json.loads(done.stdout)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn an unreadable report into CouldNotAskError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CouldNotAskError(f"the answer of {name} cannot be read ({error!r})") from error


def checkov(framework: str, file: Path, say: Say) -> Checked:
    """Check a file against checkov's policies, without its maker's service."""
    args = ["--framework", framework, "--file", str(file), "--output", "json", "--compact"]
    return checkov_report(report("checkov", [*args, "--quiet", "--skip-download"], say))


def checkov_report(content: Any) -> Checked:
    parts = content if isinstance(content, list) else [content]
    with readable("checkov"):
        found = [one for one in parts if "results" in one]
        broken = [one["results"] for one in found if one["summary"].get("parsing_errors")]
        failed = [row for one in found for row in one["results"]["failed_checks"]]
        passed = sum(one["summary"].get("passed", 0) for one in found)
    if broken:
        files = ", ".join(str(one.get("parsing_errors")) for one in broken)
        raise CouldNotAskError(f"checkov cannot parse {files}")
    if not failed and not passed:
        raise CouldNotAskError("checkov checked nothing")
    return Checked(len(failed) + passed, tuple(failed))


def trivy_config(kind: str, path: Path, say: Say) -> Checked:
    """Check a file or a folder against Trivy's built-in checks."""
    args = ["config", "--skip-check-update", "--misconfig-scanners", kind, "--format", "json", "--quiet"]
    return trivy_report(report("trivy", [*args, str(path)], say), kind)


def trivy_report(content: Any, kind: str) -> Checked:
    with readable("trivy"):
        results = [one for one in content.get("Results") or () if one.get("Type") == kind]
        rows = [row for one in results for row in one.get("Misconfigurations") or ()]
        passed = sum(one.get("MisconfSummary", {}).get("Successes", 0) for one in results)
    if not rows and not passed:
        raise CouldNotAskError(f"trivy checked nothing: it saw no {kind}")
    return Checked(len(rows) + passed, tuple(row for row in rows if row.get("Status", "FAIL") == "FAIL"))


def trivy_secrets(folder: Path, say: Say) -> Checked:
    """Search files for secrets; each of Trivy's rows gets the file's path as its ``Target``."""
    args = ["filesystem", "--scanners", "secret", "--format", "json", "--quiet", "--offline-scan"]
    content = report("trivy", [*args, str(folder)], say)
    with readable("trivy"):
        results = content.get("Results") or ()
        rows = [{**row, "Target": one["Target"]} for one in results for row in one.get("Secrets") or ()]
    return Checked(0, tuple(rows))
