"""One result of `drydock doctor`."""

from dataclasses import dataclass
from enum import StrEnum

from drydock.spelling import spelled


class Severity(StrEnum):
    OK = "ok"
    UNKNOWN = "not seen"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    name: str
    severity: Severity  # WARNING: a task may break or misjudge; FAILURE: builds break; UNKNOWN: not checked
    fact: str  # the observation, with its value
    advice: str = ""  # the next step; empty for none


def ok(name: str, fact: str) -> Finding:
    return Finding(name, Severity.OK, fact)


def unknown(name: str, fact: str, advice: str = "") -> Finding:
    return Finding(name, Severity.UNKNOWN, fact, spelled(advice))


def warning(name: str, fact: str, advice: str) -> Finding:
    return Finding(name, Severity.WARNING, fact, spelled(advice))


def failure(name: str, fact: str, advice: str) -> Finding:
    return Finding(name, Severity.FAILURE, fact, spelled(advice))
