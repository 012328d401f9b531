"""What checks found, which findings a person has accepted for a time, and the verdict on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Any

from drydock.verdict import Outcome, Verdict, and_more


class CouldNotAskError(Exception):
    """A tool, a service or an image gave no answer that counts; the text says why."""


class Severity(IntEnum):
    """How bad a finding is; what nobody rated stands above every threshold: it is never overlooked."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4
    UNKNOWN = 5

    @classmethod
    def named(cls, name: str) -> Severity:
        """Return the severity that a scanner or a database means; UNKNOWN for a word that is none."""
        words = {"MODERATE": "MEDIUM", "IMPORTANT": "HIGH", "NEGLIGIBLE": "LOW"}
        return cls.__members__.get(words.get(name.upper(), name.upper()), cls.UNKNOWN)


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    check: str  # what was checked: a check of ours, a linter's rule, or a vulnerability's id
    subject: str  # what it was found on: a path, a package, a key
    text: str  # the fact, with its value
    severity: Severity = Severity.UNKNOWN  # how bad it is
    fixed_in: str = ""  # the version that mends it; empty where none is known
    aliases: tuple[str, ...] = ()  # other names of the same check

    def __str__(self) -> str:
        return f"{self.check} {self.subject}: {self.text}"


@dataclass(frozen=True)
class Ignore:
    """A finding that is accepted until a day."""

    check: str  # the finding's check, or one of its aliases; ``*`` and ``?`` stand for other characters
    reason: str  # why it is accepted
    until: date  # the last day on which it is
    subject: str = "*"  # the finding's subject, with the same wildcards
    targets: tuple[str, ...] = ()  # which targets this is about; empty for all

    def covers(self, finding: Finding) -> bool:
        """Tell whether this is about a finding."""
        names = (finding.check, *finding.aliases)
        return fnmatchcase(finding.subject, self.subject) and any(
            fnmatchcase(name, self.check) for name in names
        )


@dataclass(frozen=True)
class Sifted:
    """Findings after the ignores were applied."""

    open: tuple[Finding, ...]  # what nobody has accepted, and each ignore that is past its day
    ignored: tuple[tuple[Finding, Ignore], ...]  # what is accepted, with the reason
    unused: tuple[Ignore, ...]  # ignores that covered nothing


def sift(findings: Iterable[Finding], ignores: Sequence[Ignore], today: date) -> Sifted:
    """Set aside what an ignore covers; an ignore past its day covers nothing, and is a finding itself."""
    valid = [ignore for ignore in ignores if ignore.until >= today]
    expired = [
        Finding(
            "ignore", ignore.check, f"expired on {ignore.until}: {ignore.reason}; renew it or fix its cause"
        )
        for ignore in ignores
        if ignore.until < today
    ]
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

    source: str  # who checked: a group of ours, or a tool with its version
    checks: int = 0  # how many things were asked; 0 where the tool does not count them
    findings: tuple[Finding, ...] = ()
    faults: tuple[str, ...] = ()  # what could not be checked, and why
    notes: tuple[str, ...] = ()  # what a person should know without it changing the verdict
    facts: Mapping[str, Any] = field(default_factory=dict)  # figures worth keeping, as JSON values


@dataclass(frozen=True)
class Case:
    """What a verdict is about."""

    gate: str
    target: str  # the target that was judged
    unit: str  # what is counted as a check, in the plural
    ignores: Sequence[Ignore]  # what is accepted for a time
    today: date  # the day that counts for them


def judge(case: Case, reports: Sequence[Report]) -> Verdict:
    """Decide: a finding fails, and what could not be checked never passes."""
    ignores = [one for one in case.ignores if not one.targets or case.target in one.targets]
    sifted = sift((finding for report in reports for finding in report.findings), ignores, case.today)
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
        **{name: value for report in reports for name, value in report.facts.items()},
    }
    checks = sum(report.checks for report in reports)
    outcome = Outcome.COULD_NOT_CHECK
    if sifted.open:
        outcome, text = Outcome.FAILED, and_more(sifted.open)
    elif faults:
        text = and_more(faults)
    elif not checks:
        text = f"there were no {case.unit} to check"
    else:
        accepted = f", {len(sifted.ignored)} ignored" if sifted.ignored else ""
        outcome = Outcome.PASSED
        text = f"{checks} {case.unit} by {len(reports)} sources and no finding{accepted}"
    return Verdict(case.gate, outcome, f"{case.target}: {text}", tuple(details), "", measurements)
