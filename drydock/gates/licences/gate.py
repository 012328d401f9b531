"""Every licence in an image, in one verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drydock.gates import contents
from drydock.gates.audit import debian
from drydock.gates.audit.components import Component
from drydock.gates.expectations import PLACE, Case, Finding, Report, load
from drydock.gates.expectations import judge as decide
from drydock.gates.expectations.model import Licences
from drydock.gates.gate import Facts
from drydock.gates.licences.archive import DOCUMENTS, fetch
from drydock.gates.licences.expressions import not_allowed
from drydock.gates.licences.names import of_copyright
from drydock.verdict import Verdict

if TYPE_CHECKING:
    from drydock.gates.subject import Subject

GATE = "licences"
FACTS = Facts(inputs=("image/expectations.toml",), rank=50)


def judge(subject: Subject) -> Verdict:
    """Name every licence in an image that is not allowed.

    Raises:
        errors.BadConfiguration: The expectations cannot be read.
    """
    began = time.monotonic()
    today = datetime.now(UTC).date()
    allowed = load(subject.project.root, today).licences
    case = Case(GATE, subject.target, "licences", allowed.ignore, today)
    return decide(case, [_python(subject, allowed), _debian(subject, allowed)], time.monotonic() - began)


def _python(subject: Subject, allowed: Licences) -> Report:
    if not subject.licences:
        return Report("Python distributions", faults=("the image lists no Python distribution",))
    return hold("Python distributions", subject.licences, allowed.allow, allowed.declared)


def _debian(subject: Subject, allowed: Licences) -> Report:
    found = subject.components
    if not found.debian:
        return Report("Debian packages", faults=("the image lists no Debian package",))
    undeclared = [one for one in found.debian if one.name not in allowed.declared]
    with subject.contents(lambda path: path.endswith("/copyright")) as folder:
        texts = {one: contents.text(folder, _copyright(one)) for one in undeclared}
    missing = [one for one, text in texts.items() if not text]
    faults: tuple[str, ...] = ()
    if missing:
        subject.say(f"looking for the copyright files of {len(missing)} Debian packages")
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
