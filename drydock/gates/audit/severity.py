"""How bad a vulnerability is, from its OSV record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.gates.expectations import Severity

# CVSS 3.1, section 5: the qualitative scale, which version 4 keeps.
_SCALE = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))


def of_record(record: Mapping[str, Any]) -> Severity:
    """Return the worst severity that a record states; UNKNOWN when it states none that can be read."""
    stated = [Severity.named(str((record.get("database_specific") or {}).get("severity", "")))]
    for place in (record, *(record.get("affected") or ())):
        stated += [of_vector(str(item.get("score", ""))) for item in place.get("severity") or ()]
    known = [severity for severity in stated if severity is not Severity.UNKNOWN]
    return max(known, default=Severity.UNKNOWN)


def of_vector(vector: str) -> Severity:
    """Return the severity of a CVSS vector, version 2, 3 or 4; UNKNOWN for one that cannot be read."""
    import cvss  # type: ignore[import-untyped]

    kind = {"CVSS:3": cvss.CVSS3, "CVSS:4": cvss.CVSS4}.get(vector[:6], cvss.CVSS2)
    try:
        score = float(kind(vector).base_score)
    except cvss.CVSSError:
        return Severity.UNKNOWN
    return next(severity for least, severity in _SCALE if score >= least)
