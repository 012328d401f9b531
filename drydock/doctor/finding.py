"""One result of `drydock doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drydock.spelling import spelled


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    UNKNOWN = "not seen"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    # ``WARNING`` where some task may break or misjudge, ``FAILURE`` where builds do; ``UNKNOWN`` where it
    # could not be looked at
    severity: Severity
    fact: str  # what was seen, with its value
    advice: str = ""  # what to do; empty where nothing is to be done


def ok(name: str, fact: str) -> Finding:
    return Finding(name, Severity.OK, fact)


def unknown(name: str, fact: str, advice: str = "") -> Finding:
    return Finding(name, Severity.UNKNOWN, fact, spelled(advice))


def warning(name: str, fact: str, advice: str) -> Finding:
    return Finding(name, Severity.WARNING, fact, spelled(advice))


def failure(name: str, fact: str, advice: str) -> Finding:
    return Finding(name, Severity.FAILURE, fact, spelled(advice))
