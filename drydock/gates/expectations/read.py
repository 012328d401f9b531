"""Read a project's ``image/expectations.toml``; an unknown or mistyped key is an error."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from drydock import toml
from drydock.errors import BadConfiguration
from drydock.gates.expectations.findings import JUSTIFICATIONS, Ignore, Severity
from drydock.gates.expectations.model import Expectations
from drydock.project import Project

PLACE = Path("image") / "expectations.toml"
# As gates name their inputs: at the root, and in the application's folder.
INPUTS = (str(PLACE), f"{{source}}/{PLACE}")
# A longer ignore would escape any review.
LONGEST_IGNORE = timedelta(days=366)
_OCTAL = re.compile(r"0?[0-7]{3,4}")


def place(project: Project) -> Path:
    """Return the path of a project's expectations: in the application's own folder, else at the root."""
    own = project.source / PLACE
    return own if own.is_file() else project.place(str(PLACE))


def load(project: Project) -> Expectations:
    """Read a project's expectations; without a file, only the checks that need none apply."""
    path = place(project)
    return make(toml.read(path), str(path), datetime.now(UTC).date())


def make(table: Mapping[str, Any], where: str, today: date) -> Expectations:
    expectations = toml.make(Expectations, table, where)
    for gate in ("security", "audit", "licences", "parity"):
        for number, ignore in enumerate(getattr(expectations, gate).ignore):
            _check_ignore(ignore, f"{where} {gate}.ignore[{number}]", today, gate)
    for number, file in enumerate(expectations.file):
        if file.mode is not None and not _OCTAL.fullmatch(file.mode):
            problem = f"{file.mode!r} is not a mode"
            raise toml.bad(where, f"file[{number}].mode", problem, "write it like '0755'")
    if Severity.named(least := expectations.audit.severity) is Severity.UNKNOWN:
        known = ", ".join(name.lower() for name in Severity.__members__ if name != "UNKNOWN")
        raise toml.bad(where, "audit.severity", f"{least!r} is not a severity", f"use one of {known}")
    return expectations


def _check_ignore(ignore: Ignore, where: str, today: date, gate: str) -> None:
    problem = how = ""
    if not ignore.reason.strip():
        problem, how = "reason is empty", "say why it is accepted"
    elif ignore.justification and (gate != "audit" or ignore.justification not in JUSTIFICATIONS):
        problem = f"justification {ignore.justification!r}"
        how = f"write one of {', '.join(JUSTIFICATIONS)}, in [[audit.ignore]] alone"
    elif ignore.until > today + LONGEST_IGNORE:
        problem = f"until {ignore.until} is more than {LONGEST_IGNORE.days} days away"
        how = "choose an earlier day for the next review"
    if problem:
        raise BadConfiguration(where=where, problem=problem, how=how)
