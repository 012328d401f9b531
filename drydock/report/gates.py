"""Run a gate for a user: show its verdicts on the terminal or as JSON, and keep them as receipts."""

from __future__ import annotations

from collections.abc import Sequence
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


def judge(
    gate: Gate,
    project: Path,
    say: Say,
    *,
    targets: Sequence[str] = (),
    arguments: Sequence[str] = (),
    json: bool = False,
    quiet: bool = False,
    platform: str = "",
    rows: list[tuple[Verdict, str]] | None = None,
) -> DrydockError | None:
    """Run a gate on each of its targets; show and record its verdicts, and return the first error."""
    out = console(stderr=True)
    tell = silent if quiet else teller(out, say)
    ended: list[Judgement] = []
    try:
        workspace = open_workspace(connect(), load(project), tell, None if json or quiet else Shown())
        workspace = workspace.on(platform)
        for judgement in run(gate, workspace, targets, arguments):
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
    if json:
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
