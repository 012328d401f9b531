"""Known vulnerabilities in everything that an image holds, in one verdict that fails closed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drydock import errors
from drydock.gates.audit import components, debian, osv, python, scanners
from drydock.gates.audit.components import Components
from drydock.gates.expectations import PLACE, Case, Finding, Report, Severity, load
from drydock.gates.expectations import judge as decide
from drydock.gates.expectations.model import Audit
from drydock.gates.gate import Facts
from drydock.programs import tool
from drydock.progress import Say
from drydock.project import ca_bundle
from drydock.verdict import Verdict

if TYPE_CHECKING:
    from drydock.gates.subject import Subject

GATE = "audit"
# Its answer ages with the databases, and where none can be reached there is none: `push` does not ask for it,
# and heeds it where it said no.
FACTS = Facts(
    inputs=("image/expectations.toml", "Dockerfile"),
    demanded=False,
    vetoes=True,
    longest_days=1,
    programs=("pip-audit",),
    changes="none",
    default=False,
    rank=55,
)
MOST_NAMED = 3


def judge(subject: Subject) -> Verdict:
    """Look up everything that an image holds.

    Raises:
        errors.BadConfiguration: The expectations cannot be read.
    """
    began = time.monotonic()
    now = datetime.now(UTC)
    root, say = subject.project.root, subject.say
    settings = load(root, now.date()).audit
    found = subject.components
    reports = [
        _python(found, settings, root, now, say),
        debian.audit(found, settings.oldest, now, say),
        *unknown(found, settings),
        *scanners.audit(subject.engine, subject.image_id, settings.scanners, settings.oldest, now, say),
    ]
    case = Case(GATE, subject.target, "look-ups", settings.ignore, now.date())
    return decide(case, [weighed(report, settings) for report in reports], time.monotonic() - began)


def _python(found: Components, settings: Audit, root: Path, now: datetime, say: Say) -> Report:
    try:
        database: osv.Database
        if settings.database:
            database = osv.Export(root / settings.database, settings.oldest, now)
        else:
            database = osv.Service(settings.service, ca_bundle())
        client = tool("pip-audit", say)
    except osv.CouldNotAskError as error:
        return Report(python.SOURCE, faults=(str(error),))
    except errors.DrydockError as error:
        return Report(python.SOURCE, faults=(f"pip-audit cannot be had: {error.args[0]}",))
    say(f"asking {database.name} about {len(found.python)} distributions")
    facts = {"vulnerabilities_from": database.name}
    if isinstance(database, osv.Export):
        facts["vulnerabilities_of"] = database.updated.isoformat()
    report = replace(python.audit(found.python, database, client), facts=facts)
    if not report.faults or not found.python:
        return report
    advice = f"[audit] service or database in {PLACE} names another one"
    return replace(report, notes=(*report.notes, advice))


def unknown(found: Components, settings: Audit) -> Iterator[Report]:
    """Yield what is in the image and in no database."""
    faults = [f"{path} names no distribution that could be looked up" for path in found.nameless]
    paths = components.undeclared(found.unowned, settings.unchecked)
    if paths:
        more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
        faults.append(
            f"no package names {', '.join(paths[:MOST_NAMED])}{more}: nobody knows about them; "
            f"declare them in [audit.unchecked] of {PLACE} with a reason"
        )
    notes = tuple(
        f"not looked up: {pattern} ({reason})"
        for pattern, reason in settings.unchecked.items()
        if len(components.undeclared(found.unowned, {pattern: reason})) < len(found.unowned)
    )
    if faults or notes:
        yield Report("files of no package", faults=tuple(faults), notes=notes)


def weighed(report: Report, settings: Audit) -> Report:
    """Return a report with the findings that do not count as notes."""
    least = Severity.named(settings.severity)
    counted: list[Finding] = []
    passed: list[str] = []
    for finding in report.findings:
        if finding.severity < least:
            passed.append(f"below {settings.severity}: {finding}")
        elif settings.fixable_only and not finding.fixed_in:
            passed.append(f"cannot be mended yet: {finding}")
        else:
            counted.append(finding)
    return replace(report, findings=tuple(_worst_first(counted)), notes=(*report.notes, *passed))


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (-finding.severity, finding.subject, finding.check))
