"""A project's expectations of its image, read strictly from TOML, and findings accepted for a time."""

from drydock.gates.expectations.findings import (
    Case,
    CouldNotAskError,
    Finding,
    Ignore,
    Report,
    Severity,
    fresh,
    judge,
    sift,
)
from drydock.gates.expectations.model import Expectations
from drydock.gates.expectations.read import INPUTS, PLACE, load, parse

__all__ = [
    "INPUTS",
    "PLACE",
    "Case",
    "CouldNotAskError",
    "Expectations",
    "Finding",
    "Ignore",
    "Report",
    "Severity",
    "fresh",
    "judge",
    "load",
    "parse",
    "sift",
]
