"""Run schemas and scanners on manifests, and turn their output into findings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drydock.gates import tools
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Severity
from drydock.gates.kubernetes.finding import on
from drydock.progress import Say

_RESOURCE = re.compile(r"for resource (\S+)")
# Patterns of objects in Trivy's messages, the most exact first.
_OBJECTS = [
    re.compile(pattern) for pattern in (r" of (\w+) '([^']+)'", r" in (\w+) (\S+) \(", r"^(\w+) '([^']+)'")
]


def schemas(path: Path, overlay: str, versions: Sequence[str], say: Say) -> Iterator[Finding]:
    """Judge manifests by the strict schemas of several Kubernetes versions; a warning is a finding."""
    for version in versions:
        done = tools.run("kubernetes-validate", ["--strict", "-k", version, str(path)], say)
        yield from schema_findings(done.stdout + done.stderr, done.code, overlay, version)


def schema_findings(output: str, code: int, overlay: str, version: str) -> Iterator[Finding]:
    """Read kubernetes-validate's output: a line ``INFO … passed`` for each object, else a fault."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    faults = [line for line in lines if not line.startswith("INFO ")]
    if not lines or (code != 0 and not faults):
        said = output.strip()[-200:] or "nothing"
        raise CouldNotAskError(f"kubernetes-validate exited with {code} and said: {said}")
    for line in faults:
        named = _RESOURCE.search(line)
        yield Finding(f"schema-{version}", on(overlay, named[1] if named else ""), line)


def checkov_findings(checked: tools.Checked, overlay: str) -> Iterator[Finding]:
    for row in checked.failed:
        kind, _, rest = str(row["resource"]).partition(".")
        where = f"{kind.lower()}/{rest.partition('.')[2] or rest}"
        yield Finding(str(row["check_id"]), on(overlay, where), str(row["check_name"]), Severity.MEDIUM)


def trivy_findings(rows: Sequence[Mapping[str, Any]], overlay: str) -> Iterator[Finding]:
    for row in rows:
        message = str(row["Message"])
        named = next(filter(None, (pattern.search(message) for pattern in _OBJECTS)), None)
        where = f"{named[1].lower()}/{named[2]}" if named else ""
        severity = Severity.named(str(row.get("Severity", "")))
        yield Finding(str(row["ID"]), on(overlay, where), message, severity)
