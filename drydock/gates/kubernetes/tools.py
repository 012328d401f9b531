"""Schemas and scanners, each from its locked tool; what they print becomes findings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drydock import command
from drydock.gates.kubernetes.finding import Finding
from drydock.programs import tool
from drydock.progress import Say

_RESOURCE = re.compile(r"for resource (\S+)")
# How Trivy's messages name an object, the most exact first.
_OBJECTS = [
    re.compile(pattern) for pattern in (r" of (\w+) '([^']+)'", r" in (\w+) (\S+) \(", r"^(\w+) '([^']+)'")
]


class ToolBroken(Exception):
    """A tool gave no answer that can be read; the text says what it gave."""


def schemas(path: Path, overlay: str, versions: Sequence[str], say: Say) -> Iterator[Finding]:
    """Judge manifests by the strict schemas of several Kubernetes versions; a warning is a finding."""
    program = tool("kubernetes-validate", say)
    for version in versions:
        done = command.run([str(program), "--strict", "-k", version, str(path)], check=False)
        yield from schema_findings(done.stdout + done.stderr, done.code, overlay, version)


def schema_findings(output: str, code: int, overlay: str, version: str) -> Iterator[Finding]:
    """Read what kubernetes-validate prints: a line ``INFO … passed`` for each object, else a fault.

    Raises:
        ToolBroken: It says nothing of any object.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    faults = [line for line in lines if not line.startswith("INFO ")]
    if not lines or (code != 0 and not faults):
        raise ToolBroken(
            f"kubernetes-validate exited with {code} and said: {output.strip()[-200:] or 'nothing'}"
        )
    for line in faults:
        named = _RESOURCE.search(line)
        yield Finding(f"schema-{version}", overlay, named[1] if named else "", line)


def checkov(path: Path, overlay: str, say: Say) -> Iterator[Finding]:
    """Judge manifests by checkov's Kubernetes policies."""
    program = tool("checkov", say)
    options = ["--skip-download", "--framework", "kubernetes", "--compact", "--quiet", "--output", "json"]
    done = command.run([str(program), *options, "--file", str(path)], check=False)
    yield from checkov_findings(done.stdout, overlay)


def checkov_findings(output: str, overlay: str) -> Iterator[Finding]:
    """Read checkov's report.

    Raises:
        ToolBroken: It is none, or nothing was checked.
    """
    report = _json(output, "checkov")
    if not isinstance(report, Mapping) or "results" not in report:
        raise ToolBroken(f"checkov checked nothing: {output.strip()[:200]}")
    if report["summary"].get("parsing_errors"):
        raise ToolBroken(f"checkov cannot parse {report['results'].get('parsing_errors')}")
    for row in report["results"]["failed_checks"]:
        kind, _, rest = str(row["resource"]).partition(".")
        name = rest.partition(".")[2] or rest
        yield Finding(str(row["check_id"]), overlay, f"{kind.lower()}/{name}", str(row["check_name"]))


def trivy(folder: Path, overlay: str, say: Say) -> Iterator[Finding]:
    """Judge a folder of manifests by Trivy's Kubernetes checks."""
    program = tool("trivy", say)
    options = [
        "config",
        "--skip-check-update",
        "--quiet",
        "--misconfig-scanners",
        "kubernetes",
        "--format",
        "json",
    ]
    done = command.run([str(program), *options, str(folder)], check=False)
    yield from trivy_findings(done.stdout, overlay, done.stderr)


def trivy_findings(output: str, overlay: str, complaints: str = "") -> Iterator[Finding]:
    """Read Trivy's report.

    Raises:
        ToolBroken: It is none, or no Kubernetes manifest was seen.
    """
    report = _json(output, f"trivy ({complaints.strip()[-200:]})" if complaints else "trivy")
    results = [one for one in report.get("Results", []) if one.get("Type") == "kubernetes"]
    if not results:
        raise ToolBroken("trivy saw no Kubernetes manifest")
    for result in results:
        for row in result.get("Misconfigurations", []):
            message = str(row["Message"])
            named = next(filter(None, (pattern.search(message) for pattern in _OBJECTS)), None)
            where = f"{named[1].lower()}/{named[2]}" if named else ""
            yield Finding(str(row["ID"]), overlay, where, message)


def _json(output: str, name: str) -> Any:
    try:
        return json.loads(output)
    except json.JSONDecodeError as error:
        raise ToolBroken(f"{name} printed no report: {output.strip()[-200:] or 'nothing'}") from error
