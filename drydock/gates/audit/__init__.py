"""Look up known vulnerabilities of everything in the image; fails when no database answers.

It fails closed. An unreachable source, a skipped package, an empty list of components and an old database all
end as "could not check".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from drydock.gates import debian
from drydock.gates.audit import osv, python, scanners
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report, Severity, decide
from drydock.gates.expectations.model import Audit
from drydock.gates.expectations.read import INPUTS, PLACE
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.image.components import Components
from drydock.image.packages import Source
from drydock.progress import Say
from drydock.project import ca_bundle
from drydock.verdict import Verdict

GATE = "audit"
# Its answer ages with the databases and needs one within reach: `push` heeds a refusal, but requires no pass.
FACTS = Facts(
    inputs=(*INPUTS, "Dockerfile"),
    demanded=False,
    vetoes=True,
    longest_days=1,
    changes="none",
    default=False,
    rank=55,
)
MOST_NAMED = 3


def judge(subject: Subject) -> Verdict:
    now, say = datetime.now(UTC), subject.say
    settings, found = subject.expectations.audit, subject.components
    reports = [
        *_python(found, settings, subject.project.root, now, say),
        debian.audit(found, settings.oldest, now, say),
        *unknown(found, settings),
        *scanners.audit(subject.engine, subject.image_id, settings.scanners, settings.oldest, now, say),
    ]
    counted = [weighed(report, settings) for report in reports]
    return decide(GATE, subject.target, counted, settings.ignore, "look-ups")


def _python(found: Components, settings: Audit, root: Path, now: datetime, say: Say) -> Iterator[Report]:
    """Yield the database's reports on the interpreter and the distributions."""
    try:
        database: osv.Database
        if settings.database:
            database = osv.Export(root / settings.database, settings.oldest, now)
        else:
            database = osv.Service(settings.service, ca_bundle())
    except CouldNotAskError as error:
        yield Report(python.SOURCE, faults=(str(error),))
        return
    yield python.interpreters(found.of(Source.INTERPRETER), database)
    say(f"asking {database.name} about {len(found.python)} distributions")
    facts = {"vulnerabilities_from": database.name}
    if isinstance(database, osv.Export):
        facts["vulnerabilities_of"] = database.updated.isoformat()
    report = replace(python.audit(found.python, database), facts=facts)
    if report.faults and found.python:
        advice = f"[audit] service or database in {PLACE} names another one"
        report = replace(report, notes=(*report.notes, advice))
    yield report


def unknown(found: Components, settings: Audit) -> Iterator[Report]:
    """Yield a report on components that no database covers."""
    faults = [f"{path} names no distribution that could be looked up" for path in found.nameless]
    paths = undeclared(found.unowned, settings.unchecked)
    if paths:
        more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
        how = f"declare them in [audit.unchecked] of {PLACE} with a reason"
        faults.append(f"no package names {', '.join(paths[:MOST_NAMED])}{more}: no database has them; {how}")
    notes = tuple(
        f"not looked up: {pattern} ({reason})"
        for pattern, reason in settings.unchecked.items()
        if len(undeclared(found.unowned, {pattern: reason})) < len(found.unowned)
    )
    if faults or notes:
        yield Report("files of no package", faults=tuple(faults), notes=notes)


def undeclared(paths: Sequence[str], declared: Mapping[str, str]) -> list[str]:
    """Return the paths that match no declared pattern."""
    return [path for path in paths if not any(fnmatchcase(path, pattern) for pattern in declared)]


def weighed(report: Report, settings: Audit) -> Report:
    """Turn the findings that do not count into notes."""
    least = Severity.named(settings.severity)
    counted: list[Finding] = []
    passed: list[str] = []
    for finding in report.findings:
        if finding.severity < least:
            passed.append(f"below {settings.severity}: {finding}")
        elif settings.fixable_only and not finding.fixed_in:
            passed.append(f"cannot be fixed yet: {finding}")
        else:
            counted.append(finding)
    counted.sort(key=lambda finding: (-finding.severity, finding.subject, finding.check))
    return replace(report, findings=tuple(counted), notes=(*report.notes, *passed))
