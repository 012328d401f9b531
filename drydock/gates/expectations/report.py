"""What one group of checks says, and the verdict on all groups together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from drydock.gates.expectations.findings import Finding, Ignore, sift
from drydock.verdict import Outcome, Verdict


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


def judge(case: Case, reports: Sequence[Report], seconds: float = 0.0) -> Verdict:
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
    outcome, text = _decide(case, reports, sifted.open, faults, len(sifted.ignored))
    summary = f"{case.target}: {text}"
    return Verdict(case.gate, outcome, summary, tuple(details), "", measurements, seconds)


def _decide(
    case: Case, reports: Sequence[Report], found: Sequence[Finding], faults: Sequence[str], ignored: int
) -> tuple[Outcome, str]:
    if found:
        return Outcome.FAILED, _and_more(str(found[0]), len(found))
    if faults:
        return Outcome.COULD_NOT_CHECK, _and_more(faults[0], len(faults))
    checks = sum(report.checks for report in reports)
    if not checks:
        return Outcome.COULD_NOT_CHECK, f"there were no {case.unit} to check"
    accepted = f", {ignored} ignored" if ignored else ""
    return Outcome.PASSED, f"{checks} {case.unit} by {len(reports)} sources and no finding{accepted}"


def _and_more(first: str, count: int) -> str:
    return first if count == 1 else f"{first} and {count - 1} more"
