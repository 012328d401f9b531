"""What a project expects of its image: one TOML file, read strictly, and findings accepted for a time."""

from drydock.gates.expectations.findings import CouldNotAskError, Finding, Ignore, Severity, Sifted, sift
from drydock.gates.expectations.model import Expectations
from drydock.gates.expectations.read import PLACE, load, parse
from drydock.gates.expectations.report import Case, Report, judge

__all__ = [
    "PLACE",
    "Case",
    "CouldNotAskError",
    "Expectations",
    "Finding",
    "Ignore",
    "Report",
    "Severity",
    "Sifted",
    "judge",
    "load",
    "parse",
    "sift",
]
