"""A gate's verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """A gate's outcome; a check that could not run is never reported as passed."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_CHECK = "could_not_check"


def and_more(faults: Sequence[object]) -> str:
    """Return the first fault and the number of the others."""
    return f"{faults[0]} and {len(faults) - 1} more" if len(faults) > 1 else str(faults[0])


@dataclass(frozen=True)
class Verdict:
    gate: str  # its name, also its Nox session's
    outcome: Outcome
    summary: str  # one line: the figures if it passed, else the first fault
    details: tuple[str, ...] = ()  # one fact a line, shown below it
    evidence: str = ""  # shown above it, such as the end of a log
    measurements: Mapping[str, Any] = field(default_factory=dict)  # JSON; sizes in bytes, times in seconds
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASSED

    @classmethod
    def failed(cls, gate: str, error: Exception) -> Verdict:
        """Return the refusal for an error, with its evidence."""
        evidence = getattr(error, "evidence", "")
        return cls(gate, Outcome.FAILED, str(error.args[0]), evidence=evidence)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": self.outcome.value, "details": list(self.details)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Verdict:
        """Read a verdict back; a ValueError names the fault in other content."""
        try:
            fields = {**content, "outcome": Outcome(content["outcome"]), "details": tuple(content["details"])}
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no verdict: {error}") from error

    def dumps(self) -> str:
        return json.dumps(self.as_json(), sort_keys=True)
