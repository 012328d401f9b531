"""Findings of checks, findings accepted for a time, and the verdict on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Any

from drydock.spelling import counted
from drydock.verdict import Outcome, Verdict, and_more


class CouldNotAskError(Exception):
    """A tool, a service or an image gave no usable answer; the text says why."""


def fresh(what: object, updated: str, oldest: int, now: datetime) -> datetime:
    """Return the time of a database's last update, at most `oldest` days ago; UTC where it names no zone."""
    at = datetime.fromisoformat(updated)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if (age := now - at).days > oldest:
        raise CouldNotAskError(f"{what} is {age.days} days old, more than {oldest}: it is of {updated}")
    return at


class Severity(IntEnum):
    """A finding's severity; an unrated one is above every threshold, so that it is never overlooked."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4
    UNKNOWN = 5

    @classmethod
    def named(cls, name: str) -> Severity:
        """Return the severity for a scanner's or a database's word; UNKNOWN for an unknown word."""
        words = {"MODERATE": "MEDIUM", "IMPORTANT": "HIGH", "NEGLIGIBLE": "LOW"}
        return cls.__members__.get(words.get(name.upper(), name.upper()), cls.UNKNOWN)


@dataclass(frozen=True)
class Finding:
    check: str  # a check of ours, a linter's rule, or a vulnerability's id
    subject: str  # a path, a package, a key
    text: str  # the fact, with its value
    severity: Severity = Severity.UNKNOWN
    fixed_in: str = ""  # the version that fixes it; empty where none is known
    aliases: tuple[str, ...] = ()  # other names of the same check

    def __str__(self) -> str:
        return f"{self.check} {self.subject}: {self.text}"


# OpenVEX's words.
JUSTIFICATIONS = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)


@dataclass(frozen=True)
class Ignore:
    """A finding that is accepted until a day."""

    check: str  # the finding's check or alias, with the wildcards ``*`` and ``?``
    reason: str
    until: date  # the last day
    subject: str = "*"  # the finding's subject, with the same wildcards
    targets: tuple[str, ...] = ()  # empty for all
    # Why a vulnerability does no harm, one of `JUSTIFICATIONS`; for `audit` alone
    justification: str = ""

    def covers(self, finding: Finding) -> bool:
        named = any(fnmatchcase(name, self.check) for name in (finding.check, *finding.aliases))
        return named and fnmatchcase(finding.subject, self.subject)


@dataclass(frozen=True)
class Sifted:
    open: tuple[Finding, ...]  # not accepted, and each expired ignore
    ignored: tuple[tuple[Finding, Ignore], ...]  # accepted, with the reason
    unused: tuple[Ignore, ...]  # ignores that covered nothing


def sift(findings: Iterable[Finding], ignores: Sequence[Ignore], today: date | None = None) -> Sifted:
    """Set aside the accepted findings; an expired ignore covers nothing, and is itself a finding."""
    today = today or datetime.now(UTC).date()
    valid = [ignore for ignore in ignores if ignore.until >= today]
    text = "expired on {0.until}: {0.reason}; renew it or fix its cause"
    late = (ignore for ignore in ignores if ignore.until < today)
    expired = [Finding("ignore", ignore.check, text.format(ignore)) for ignore in late]
    left: list[Finding] = []
    ignored: list[tuple[Finding, Ignore]] = []
    for finding in findings:
        cover = next((ignore for ignore in valid if ignore.covers(finding)), None)
        if cover is None:
            left.append(finding)
        else:
            ignored.append((finding, cover))
    used = {cover for _, cover in ignored}
    unused = tuple(ignore for ignore in valid if ignore not in used)
    return Sifted((*expired, *left), tuple(ignored), unused)


@dataclass(frozen=True)
class Report:
    """The outcome of one group of checks."""

    source: str  # a group of our checks, or a tool with its version
    checks: int = 0  # number of checks; 0 where the tool does not count them
    findings: tuple[Finding, ...] = ()
    faults: tuple[str, ...] = ()  # checks that could not be made, and why
    notes: tuple[str, ...] = ()  # remarks that do not change the verdict
    facts: Mapping[str, Any] = field(default_factory=dict)  # figures worth keeping, as JSON values


def _accepted(finding: Finding, ignore: Ignore) -> dict[str, Any]:
    return {
        "check": finding.check,
        "aliases": list(finding.aliases),
        "subject": finding.subject,
        "reason": ignore.reason,
        "until": ignore.until.isoformat(),
        "justification": ignore.justification,
    }


def decide(
    gate: str, target: str, reports: Sequence[Report], ignores: Sequence[Ignore] = (), unit: str = "checks"
) -> Verdict:
    """Decide: a finding fails, and a check that was not made never passes.

    Args:
        unit: The checks' name, in the plural.
    """
    ignores = [one for one in ignores if not one.targets or target in one.targets]
    sifted = sift((finding for report in reports for finding in report.findings), ignores)
    faults = [fault for report in reports for fault in report.faults]
    details = [
        *map(str, sifted.open),
        *(f"not checked: {fault}" for fault in faults),
        *(f"ignored until {ignore.until}: {finding} ({ignore.reason})" for finding, ignore in sifted.ignored),
        *(f"unused ignore: {ignore.check} {ignore.subject}" for ignore in sifted.unused),
        *(note for report in reports for note in report.notes),
    ]
    measurements = {
        "checks": {report.source: report.checks for report in reports},
        "findings": len(sifted.open),
        "ignored": len(sifted.ignored),
        "accepted": [_accepted(finding, ignore) for finding, ignore in sifted.ignored],
        **{name: value for report in reports for name, value in report.facts.items()},
    }
    checks = sum(report.checks for report in reports)
    outcome = Outcome.COULD_NOT_CHECK
    if sifted.open:
        outcome, text = Outcome.FAILED, and_more(sifted.open)
    elif faults:
        text = and_more(faults)
    elif not checks:
        text = f"there were no {unit} to check"
    else:
        accepted = f", {len(sifted.ignored)} ignored" if sifted.ignored else ""
        outcome = Outcome.PASSED
        text = f"{checks} {unit} by {counted(len(reports), 'source')} and no finding{accepted}"
    return Verdict(gate, outcome, f"{target}: {text}", tuple(details), "", measurements)
