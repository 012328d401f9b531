"""Hold the licences of everything in the image against the allow-list.

A distribution's licence comes from its METADATA, a Debian package's from its copyright file. Where the image
leaves documentation out, that file is taken from the same version of the package. A component without any
licence is "could not check" until the project declares one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report, decide
from drydock.gates.expectations.model import Licences
from drydock.gates.expectations.read import INPUTS, PLACE
from drydock.gates.gate import Facts
from drydock.gates.licences.archive import fetch
from drydock.gates.subject import Subject
from drydock.image.components import Component, Components
from drydock.image.licences import of_copyright, parse
from drydock.image.packages import Source
from drydock.progress import Say
from drydock.verdict import Verdict

GATE = "licences"
REMEDY = f"allow it in [licences] of {PLACE}, which `drydock init --with expectations` writes, or replace it"
FACTS = Facts(inputs=INPUTS, rank=50)


def judge(subject: Subject) -> Verdict:
    """Name every licence in an image that is not allowed."""
    allowed, found = subject.expectations.licences, subject.components
    reports = [_python(found, allowed), _debian(found, allowed, subject.say)]
    return decide(GATE, subject.target, reports, allowed.ignore, "licences")


def _python(found: Components, allowed: Licences) -> Report:
    if not found.python:
        return Report("Python distributions", faults=("the image lists no Python distribution",))
    # Debian's own interpreter counts as a Debian package.
    interpreters = [one for one in found.of(Source.INTERPRETER) if not one.by_debian]
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
    findings: list[Finding] = []
    faults: list[str] = []
    for one in stated:
        expression = declared.get(one.name, one.licence)
        if not expression:
            faults.append(f"{one.label} names no known licence; declare it in [licences.declared] of {PLACE}")
        elif refused := not_allowed(expression, allow):
            text = f"{one.label} is under {', '.join(refused)}; {REMEDY}"
            findings.append(Finding("licence", one.name, text))
    return Report(source, len(stated), tuple(findings), tuple(faults))


def not_allowed(expression: str, allow: Sequence[str]) -> list[str]:
    """Return the identifiers of an expression that the list refuses; empty when it is allowed.

    Of an OR one side is enough, of an AND every side counts. An exception (``WITH``) only adds permissions,
    so that the licence before it decides. Text that is not an expression is refused as a whole.
    """
    tree = parse(expression)
    if tree is None:
        return [expression]
    return list(dict.fromkeys(_refused(tree, [name.lower() for name in allow])))


def _refused(tree: Any, allowed: Sequence[str]) -> list[str]:
    parts = [_refused(part, allowed) for part in getattr(tree, "args", ())]
    if parts:
        either = tree.operator.strip() == "OR"
        return [] if either and not all(parts) else [name for part in parts for name in part]
    name = getattr(tree, "license_symbol", tree).key
    return [] if any(fnmatchcase(name.lower(), pattern) for pattern in allowed) else [name]
