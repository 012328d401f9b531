"""How bad a vulnerability is, from its OSV record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from drydock.gates.expectations import Severity

# Weights and equations of CVSS 3.1, section 7; those of 3.0 differ only in how they round.
_WEIGHTS: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
# Section 5: the qualitative scale.
_SCALE = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def of_record(record: Mapping[str, Any]) -> Severity:
    """Return the worst severity that a record states; UNKNOWN when it states none that can be read."""
    stated = [Severity.named(str((record.get("database_specific") or {}).get("severity", "")))]
    for place in (record, *(record.get("affected") or ())):
        for item in place.get("severity") or ():
            if str(item.get("type")) in ("CVSS_V3", "CVSS_V3.0", "CVSS_V3.1"):
                stated.append(of_vector(str(item.get("score", ""))))
    known = [severity for severity in stated if severity is not Severity.UNKNOWN]
    return max(known, default=Severity.UNKNOWN)


def of_vector(vector: str) -> Severity:
    """Return the severity of a CVSS 3 vector; UNKNOWN for one that cannot be read."""
    score = base_score(vector)
    if score is None:
        return Severity.UNKNOWN
    return next((severity for least, severity in _SCALE if score >= least), Severity.LOW)


def base_score(vector: str) -> float | None:
    """Return the base score of a CVSS 3 vector, from 0 to 10; None for one that cannot be read."""
    metrics = dict(part.split(":", 1) for part in vector.split("/") if ":" in part)
    try:
        scope = metrics["S"]
        weight = {name: weights[metrics[name]] for name, weights in _WEIGHTS.items()}
        privileges = _PRIVILEGES[scope][metrics["PR"]]
    except KeyError:
        return None
    impact = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    changed = scope == "C"
    scaled = 7.52 * (impact - 0.029) - 3.25 * (impact - 0.02) ** 15 if changed else 6.42 * impact
    if scaled <= 0:
        return 0.0
    exploitability = 8.22 * weight["AV"] * weight["AC"] * privileges * weight["UI"]
    total = (scaled + exploitability) * (1.08 if changed else 1.0)
    # Rounded up to one digit, as appendix A prescribes against the errors of binary fractions.
    return math.ceil(round(min(total, 10.0) * 100_000) / 10_000) / 10
