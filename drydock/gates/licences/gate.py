"""Every licence in an image, in one verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from drydock import image as images
from drydock.engine import Engine
from drydock.gates.audit import debian
from drydock.gates.expectations import PLACE, Case, Finding, Report, judge, load
from drydock.gates.expectations.model import Licences
from drydock.gates.licences.archive import fetch
from drydock.gates.licences.expressions import not_allowed
from drydock.image import Anatomy, components
from drydock.image.components import Component, Components, Type
from drydock.image.licences import of_copyright
from drydock.progress import Say
from drydock.project import Project
from drydock.verdict import Verdict

GATE = "licences"


def run(engine: Engine, project: Project, image: str, target: str, say: Say) -> Verdict:
    """Name every licence in an image that is not allowed.

    Args:
        engine: Where the image is.
        project: Whose image it is; its expectations hold the allow-list.
        image: Its id.
        target: Its target.
        say: Takes one line of progress at a time.

    Raises:
        errors.BadConfiguration: The expectations cannot be read.
    """
    began = time.monotonic()
    today = datetime.now(UTC).date()
    allowed = load(project.root, today).licences
    found = components.find(Anatomy(images.read(engine, image)))
    reports = [_python(found, allowed), _debian(found, allowed, say)]
    case = Case(GATE, target, "licences", allowed.ignore, today)
    return judge(case, reports, time.monotonic() - began)


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
        except debian.CouldNotAskError as error:
            faults = (f"Debian's archive could not be asked for copyright files: {error}",)
    stated = [replace(one, licence=of_copyright(texts[one])) if one in texts else one for one in found.debian]
    report = hold("Debian packages", stated, (*allowed.allow, *allowed.allow_debian), allowed.declared)
    return replace(report, faults=(*faults, *report.faults))


def hold(
    source: str, stated: Sequence[Component], allow: Sequence[str], declared: Mapping[str, str]
) -> Report:
    """Hold licences against an allow-list.

    Args:
        source: What the components are.
        stated: The components.
        allow: Identifiers that are allowed.
        declared: Expressions by name, which win over what a component states and are checked like it.
    """
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
