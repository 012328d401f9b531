"""Look up CPython and an image's distributions in a database of known vulnerabilities."""

from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from drydock.gates.audit.osv import CPYTHON, PYPI, Database, Ecosystem, Record, fixes, names, worst
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report
from drydock.image.components import Component
from drydock.image.packages import Source

SOURCE = "Python distributions"
INTERPRETERS = "Python interpreters"


def audit(components: Sequence[Component], database: Database) -> Report:
    """Ask a database about every distribution."""
    if not components:
        return Report(SOURCE, faults=("the image lists no Python distribution",))
    return _look_up(SOURCE, components, (PYPI,), database)


def interpreters(found: Sequence[Component], database: Database) -> Report:
    """Ask a database about each CPython but Debian's, which is patched and looked up as a package."""
    asked = [one for one in found if not one.by_debian]
    places = [place for place in CPYTHON if database.covers(place)]
    if asked and not places:
        return Report(INTERPRETERS, faults=(f"{database.name} has no record of CPython",))
    return _look_up(INTERPRETERS, asked, places, database)


def _look_up(
    source: str, components: Sequence[Component], places: Sequence[Ecosystem], database: Database
) -> Report:
    findings: list[Finding] = []
    faults: list[str] = []
    for one in components:
        release = _release(one)
        if release is None:
            faults.append(f"the image does not say which release its {one.label} is: it was not looked up")
            continue
        records: list[Record] = []
        try:
            for place in places:
                name = place.name or canonicalize_name(one.name)
                records += database.ask(name, place.tag(str(release)), place)
        except CouldNotAskError as error:
            return Report(source, faults=(str(error),))
        findings += [_finding(one, release, alike) for alike in _vulnerabilities(records)]
    return Report(source, len(components), tuple(findings), tuple(faults))


def _release(one: Component) -> Version | None:
    """Return a component's version; None where it names no release, as CPython 3.13 does."""
    try:
        version = Version(one.version)
    except InvalidVersion:
        return None
    return None if one.type is Source.INTERPRETER and len(version.release) < 3 else version


def _vulnerabilities(records: Iterable[Record]) -> list[list[Record]]:
    """Group the records by vulnerability: several databases describe the same one under an alias."""
    groups: list[list[Record]] = []
    for record in records:
        if record.get("withdrawn"):
            continue
        for group in groups:
            if any(set(names(record)) & set(names(other)) for other in group):
                group.append(record)
                break
        else:
            groups.append([record])
    return groups


def _finding(one: Component, release: Version, records: Sequence[Record]) -> Finding:
    listed = list(dict.fromkeys(name for record in records for name in names(record)))
    rated = worst(records)
    texts = (record.get("summary") or str(record.get("details", "")).partition("\n")[0] for record in records)
    summary = next(filter(None, texts), "no summary")
    known = {version for record in records for version in fixes(record, one.name)}
    fixed = sorted(version for version in known if version > release)
    fix = f"fixed in {', '.join(map(str, fixed))}" if fixed else "no fixed version is known"
    text = f"{one.label} is vulnerable ({rated.name.lower()}; {fix}): {summary}"
    return Finding(listed[0], one.name, text, rated, str(fixed[0]) if fixed else "", tuple(listed[1:]))
