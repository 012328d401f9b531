"""Run a gate for a user: show its verdicts on the terminal or as JSON, and keep them as receipts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from drydock.detect.project import load
from drydock.engine import connect
from drydock.errors import DrydockError
from drydock.folding import folded
from drydock.gates import proof
from drydock.gates.errors import UnknownGate
from drydock.gates.gate import Gate, registry
from drydock.gates.run import Judgement, run
from drydock.nearest import choices
from drydock.progress import Say, silent
from drydock.publish.builds import open_workspace
from drydock.report import console, print_json, tables
from drydock.report.progress import Shown
from drydock.verdict import Outcome, Verdict


def find(name: str) -> Gate:
    known = registry()
    if name not in known:
        raise UnknownGate(gate=name, known=choices(name, known))
    return known[name]


@dataclass
class Asked:
    """What to judge, and how to show it."""

    project: Path = Path()
    targets: list[str] = field(default_factory=list)  # empty for the gate's own
    platform: str = ""  # empty for the engine's
    arguments: Sequence[str] = ()  # the gate's own
    json: bool = False
    quiet: bool = False


def judge(
    gate: Gate, asked: Asked, say: Say, rows: list[tuple[Verdict, str]] | None = None
) -> DrydockError | None:
    """Run a gate on each of its targets; show and record its verdicts, and return the first error.

    Args:
        rows: Takes each verdict with its target.
    """
    out = console(stderr=True)
    tell = silent if asked.quiet else teller(out, say)
    shown = None if asked.json or asked.quiet else Shown()
    ended: list[Judgement] = []
    try:
        workspace = open_workspace(connect(), load(asked.project), tell, shown).on(asked.platform)
        for judgement in run(gate, workspace, asked.targets, asked.arguments):
            proof.keep(judgement)
            ended.append(judgement)
            if rows is not None:
                rows.append((judgement.verdict, judgement.subject.target))
    except DrydockError as error:
        return _told(out, error)
    if (last := ended[-1]).fault:
        return _told(out, last.fault)
    for one in ended:
        show(out, one)
    if asked.json:
        print_json({"verdicts": [one.verdict.as_json() for one in ended]})
    refused = sorted(ended, key=lambda one: one.verdict.outcome is Outcome.COULD_NOT_CHECK)
    return next((one.error for one in refused if one.error), None)


def teller(out: Console, say: Say) -> Say:
    """Return the function that prints progress: nox's own log would garble a terminal's live display."""
    if not out.is_interactive:
        return say
    return lambda line: out.print(folded(line, out.file), markup=False, soft_wrap=True)


def show(out: Console, judgement: Judgement) -> None:
    """Print a verdict, with its evidence above it unless the gate has shown it."""
    verdict, facts = judgement.verdict, judgement.gate.facts
    if verdict.evidence and not verdict.passed and not facts.streams:
        out.print(verdict.evidence, markup=False)
    if verdict.measurements.get("builds"):
        tables.builds(out, verdict)
    tables.verdict(out, verdict)


def _told(out: Console, error: DrydockError) -> DrydockError:
    if error.evidence:
        out.print(error.evidence, markup=False)
    return error
