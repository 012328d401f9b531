"""Write and find receipts of gates, and list the missing ones."""

from typing import Any

import drydock
from drydock import programs, recorder
from drydock.gates import closure, debian
from drydock.gates.expectations import read
from drydock.gates.gate import Gate, registry
from drydock.gates.run import Judgement, run
from drydock.image import Image, content_digest
from drydock.project import Project
from drydock.state import receipts
from drydock.state.receipts import Missing, Receipt, Receipts
from drydock.verdict import Verdict
from drydock.workspace import Workspace


def defined(gate: Gate, project: Project, target: str) -> receipts.Gate:
    """Return a gate with the digest of everything, beside the image, that decides its verdict."""
    values = {"target": target, "gate": made_of(gate), **gate.facts.settings(project, target)}
    definition = receipts.definition(project.root, gate.inputs(project), values, project.recipe_folder)
    return receipts.Gate(gate.name, definition, gate.facts.longest_days)


def made_of(gate: Gate) -> str:
    """Return the digest of a gate's code and programs; the same on every machine."""
    return closure.digest(gate.module, programs=gate.facts.programs)


def keep(judgement: Judgement) -> None:
    """Record a verdict in the history and, unless arguments narrowed it, as a receipt."""
    gate, subject, verdict = judgement.gate, judgement.subject, judgement.verdict
    workspace = subject.workspace
    whose = recorder.origin(subject.project, workspace.source, subject.name)
    if judgement.fault:
        recorder.verdict(whose, "", verdict, subject.say)
    elif not subject.arguments:
        image = workspace.measured(subject.target)
        content = content_digest(image)
        versions = {"drydock": drydock.version(), "engine": str(subject.engine.version["Version"])}
        versions |= {name: programs.version(name) for name in gate.facts.programs}
        now = defined(gate, subject.project, subject.target)
        Receipts().write(now, verdict, content=content, image=image.id, tools=versions)
        recorder.verdict(whose, content, verdict, subject.say)


def judge(gate: Gate, workspace: Workspace, target: str) -> Verdict:
    """Run a gate on one target and record its verdict."""
    (judgement,) = run(gate, workspace, (target,))
    keep(judgement)
    if judgement.fault:
        raise judgement.fault
    return judgement.verdict


def receipt(gate: Gate, workspace: Workspace, target: str) -> Receipt | None:
    """Return the receipt of an earlier pass on the same content by an unchanged gate."""
    now = defined(gate, workspace.project, target)
    return Receipts().find(now, content_digest(workspace.measured(target)))


def accepted(project: Project, image: Image, target: str) -> tuple[list[dict[str, Any]], float] | None:
    """Return the vulnerabilities that `audit` accepted in an image, and when; None without its receipt."""
    found = Receipts().find(defined(registry()["audit"], project, target), content_digest(image))
    if found is None:
        return None
    every = found.verdict.measurements.get("accepted", ())
    return [one for one in every if one["check"] != debian.CHECK], found.written


def accepts(project: Project) -> bool:
    """Tell whether a project accepts any vulnerability."""
    return bool(read.load(project).audit.ignore)


def unaudited(project: Project, image: Image, target: str) -> bool:
    """Tell whether a project accepts vulnerabilities, and no receipt of `audit` says which an image has."""
    return accepts(project) and accepted(project, image, target) is None


def demanded(target: str, project: Project) -> list[Gate]:
    """Return the gates that an image of a target must pass before a push."""
    gates = (gate for gate in registry().values() if gate.facts.demanded and target in gate.targets(project))
    return [gate for gate in gates if gate.concerns(project)]


def released(target: str, project: Project) -> list[Gate]:
    """Return the gates of a release: those of a push, and `audit` where it has exceptions to state."""
    return demanded(target, project) + ([registry()["audit"]] if accepts(project) else [])


def missing(project: Project, image: Image, target: str) -> list[Missing]:
    """Return the gates that an image must still pass before a push, and those that refused it."""
    kept, content = Receipts(), content_digest(image)
    wanted = [defined(gate, project, target) for gate in demanded(target, project)]
    heeded = [defined(gate, project, target) for gate in registry().values() if gate.facts.vetoes]
    return kept.missing(wanted, content) + kept.refusals(heeded, content)
