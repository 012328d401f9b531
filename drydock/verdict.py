"""A gate's verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The three ends of a gate; a failed check is never reported as passed."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_CHECK = "could_not_check"


def and_more(faults: Sequence[object]) -> str:
    """Write the first fault and the number of the others."""
    return f"{faults[0]} and {len(faults) - 1} more" if len(faults) > 1 else str(faults[0])


@dataclass(frozen=True)
class Verdict:
    """A gate's judgement.

    Args:
        gate: The gate's name, which is also its Nox session's.
        summary: One line: the figures when it passed, the first fault when it did not.
        details: One fact a line, to show below it.
        evidence: Text to show above it, such as the end of a log.
        measurements: JSON values; sizes in bytes, times in seconds.
    """

    gate: str
    outcome: Outcome
    summary: str
    details: tuple[str, ...] = ()
    evidence: str = ""
    measurements: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the image may go on."""
        return self.outcome is Outcome.PASSED

    @classmethod
    def failed(cls, gate: str, error: Exception) -> Verdict:
        """Return the refusal that an error of the image's is, with the error's evidence."""
        evidence = getattr(error, "evidence", "")
        return cls(gate, Outcome.FAILED, str(error.args[0]), evidence=evidence)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {**asdict(self), "outcome": self.outcome.value, "details": list(self.details)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Verdict:
        """Read a verdict back; a ValueError names the fault of other content."""
        try:
            fields = {**content, "outcome": Outcome(content["outcome"]), "details": tuple(content["details"])}
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no verdict: {error}") from error

    def dumps(self) -> str:
        """Return the verdict as one line of JSON."""
        return json.dumps(self.as_json(), sort_keys=True)
