"""What a check found, and which findings a person has accepted for a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from fnmatch import fnmatchcase


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
