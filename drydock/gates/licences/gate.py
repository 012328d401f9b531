"""Every licence in an image, in one verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drydock.gates.expectations import INPUTS, PLACE, Case, CouldNotAskError, Finding, Report, load
from drydock.gates.expectations import judge as decide
from drydock.gates.expectations.model import Licences
from drydock.gates.gate import Facts
from drydock.gates.licences.archive import fetch
from drydock.gates.licences.expressions import not_allowed
from drydock.image.components import Component, Components, Type
from drydock.image.licences import of_copyright
from drydock.progress import Say
from drydock.verdict import Verdict

if TYPE_CHECKING:
    from drydock.gates.subject import Subject

GATE = "licences"
FACTS = Facts(inputs=INPUTS, rank=50)


def judge(subject: Subject) -> Verdict:
    """Name every licence in an image that is not allowed."""
    began = time.monotonic()
    today = datetime.now(UTC).date()
    allowed = load(subject.project.root, today, subject.project.recipe_folder).licences
    found = subject.components
    reports = [_python(found, allowed), _debian(found, allowed, subject.say)]
    case = Case(GATE, subject.target, "licences", allowed.ignore, today)
    return decide(case, reports, time.monotonic() - began)


def _python(found: Components, allowed: Licences) -> Report:
    if not found.python:
        return Report("Python distributions", faults=("the image lists no Python distribution",))
    # An interpreter that Debian packaged counts there.
    interpreters = [one for one in found.of(Type.INTERPRETER) if not one.by_debian]
    return hold("Python distributions", [*interpreters, *found.python], allowed.allow, allowed.declared)


def _debian(found: Components, allowed: Licences, say: Say) -> Report:
    if not found.debian:
        return Report("Debian packages", faults=("the image lists no Debian package",))
    missing = [one for one in found.debian if not one.record and one.name not in allowed.declared]
    faults: tuple[str, ...] = ()
    texts: dict[Component, str] = {}
    if missing:
        say(f"looking for the copyright files of {len(missing)} Debian packages")
        try:
            texts = fetch(missing, found.release.get("VERSION_CODENAME", ""))
        except CouldNotAskError as error:
            faults = (f"Debian's archive could not be asked for copyright files: {error}",)
    stated = [replace(one, licence=of_copyright(texts[one])) if one in texts else one for one in found.debian]
    report = hold("Debian packages", stated, (*allowed.allow, *allowed.allow_debian), allowed.declared)
    return replace(report, faults=(*faults, *report.faults))


def hold(
    source: str, stated: Sequence[Component], allow: Sequence[str], declared: Mapping[str, str]
) -> Report:
    """Hold licences against an allow-list."""
    findings: list[Finding] = []
    faults: list[str] = []
    for one in stated:
        expression = declared.get(one.name, one.licence)
        if not expression:
            faults.append(
                f"{one.label} names no licence that is known; declare it in [licences.declared] of {PLACE}"
            )
        elif refused := not_allowed(expression, allow):
            findings.append(Finding("licence", one.name, f"{one.label} is under {', '.join(refused)}"))
    return Report(source, len(stated), tuple(findings), tuple(faults))
