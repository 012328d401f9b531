"""Look up CPython itself: compiled into /usr/local, it is in no package manager's records."""

from __future__ import annotations

import re
from collections.abc import Sequence

from drydock.gates.audit.osv import CPYTHON, Database, severity_of
from drydock.gates.expectations import CouldNotAskError, Finding, Report
from drydock.image.components import Component

SOURCE = "Python interpreters"


def audit(interpreters: Sequence[Component], database: Database) -> Report:
    """Ask a database about each CPython but Debian's, which is patched and looked up as a package."""
    findings: dict[str, Finding] = {}
    faults: list[str] = []
    asked = [one for one in interpreters if not one.by_debian]
    places = [place for place in CPYTHON if database.covers(place)]
    if asked and not places:
        return Report(SOURCE, faults=(f"{database.name} has no record of CPython",))
    for one in asked:
        if not re.fullmatch(r"3\.\d+\.\d+\w*", one.version):
            faults.append(f"the image does not say which release its {one.label} is: it was not looked up")
            continue
        try:
            records = [
                record
                for place in places
                for record in database.ask(place.name, place.tag(one.version), place)
            ]
        except CouldNotAskError as error:
            return Report(SOURCE, faults=(str(error),))
        for record in records:
            names = (str(record["id"]), *map(str, record.get("aliases") or ()))
            summary = (
                record.get("summary") or str(record.get("details", "")).partition("\n")[0] or "no summary"
            )
            rated = severity_of(record)
            text = (
                f"{one.label} is vulnerable ({rated.name.lower()}): {summary}; build on a newer patch release"
            )
            # Two ecosystems describe the same vulnerability under an alias.
            key = next((name for name in names if name.startswith("CVE-")), names[0])
            if key not in findings or rated < findings[key].severity:
                findings[key] = Finding(names[0], one.name, text, rated, aliases=names[1:])
    return Report(SOURCE, len(asked), tuple(findings.values()), tuple(faults))
