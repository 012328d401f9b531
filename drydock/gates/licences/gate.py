"""Every licence in an image, in one verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from drydock import image as images
from drydock.engine import Engine
from drydock.gates.audit import components, debian
from drydock.gates.audit.components import Component, Components
from drydock.gates.expectations import PLACE, Case, Finding, Report, judge, load
from drydock.gates.expectations.model import Licences
from drydock.gates.licences.archive import DOCUMENTS, fetch
from drydock.gates.licences.expressions import not_allowed
from drydock.gates.licences.names import of_copyright, of_metadata
from drydock.gates.security import contents
from drydock.image import Anatomy
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
    anatomy = Anatomy(images.read(engine, image))
    found = components.find(anatomy)
    reports = [_python(found.python, anatomy.texts, allowed), _debian(engine, image, found, allowed, say)]
    case = Case(GATE, target, "licences", allowed.ignore, today)
    return judge(case, reports, time.monotonic() - began)


def _python(found: Sequence[Component], texts: Mapping[str, str], allowed: Licences) -> Report:
    if not found:
        return Report("Python distributions", faults=("the image lists no Python distribution",))
    stated = {one: of_metadata(texts.get(one.metadata, "")) for one in found}
    return hold("Python distributions", stated, allowed.allow, allowed.declared)


def _debian(engine: Engine, image: str, found: Components, allowed: Licences, say: Say) -> Report:
    if not found.debian:
        return Report("Debian packages", faults=("the image lists no Debian package",))
    undeclared = [one for one in found.debian if one.name not in allowed.declared]
    with contents.unpacked(engine, image, lambda path: path.endswith("/copyright")) as folder:
        texts = {one: contents.text(folder, _copyright(one)) for one in undeclared}
    missing = [one for one, text in texts.items() if not text]
    faults: tuple[str, ...] = ()
    if missing:
        say(f"looking for the copyright files of {len(missing)} Debian packages")
        try:
            texts |= fetch(missing, found.release.get("VERSION_CODENAME", ""))
        except debian.CouldNotAskError as error:
            faults = (f"Debian's archive could not be asked for copyright files: {error}",)
    stated = {one: of_copyright(texts.get(one, "")) for one in found.debian}
    report = hold("Debian packages", stated, (*allowed.allow, *allowed.allow_debian), allowed.declared)
    return replace(report, faults=(*faults, *report.faults))


def _copyright(one: Component) -> str:
    return f"/{DOCUMENTS}/{one.name}/copyright"


def hold(
    source: str, stated: Mapping[Component, str], allow: Sequence[str], declared: Mapping[str, str]
) -> Report:
    """Hold licences against an allow-list.

    Args:
        source: What the components are.
        stated: The expression of each component; empty where it states none.
        allow: Identifiers that are allowed.
        declared: Expressions by name, which win over what is stated.
    """
    findings: list[Finding] = []
    faults: list[str] = []
    for one, text in stated.items():
        expression = declared.get(one.name, text)
        if not expression:
            faults.append(
                f"{one.label} names no licence that is known; declare it in [licences.declared] of {PLACE}"
            )
        elif refused := not_allowed(expression, allow):
            findings.append(Finding("licence", one.name, f"{one.label} is under {', '.join(refused)}"))
    return Report(source, len(stated), tuple(findings), tuple(faults))
