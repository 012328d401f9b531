"""The pre-push hook: judge the commit that is pushed, only where something changed, one line a gate.

A gate that passed for exactly these inputs, and on the same base image, is not run again: their digest is
the key of a receipt, which names the base. So a push that changes nothing needs neither an engine nor an
image; an engine that answers is asked for its base. Where inputs changed and the image's content did not, the
receipt of that content counts as well.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from drydock import base as bases
from drydock import command, errors
from drydock.detect.project import load
from drydock.engine import connect
from drydock.gates import runner
from drydock.hook.commit import contents, digest
from drydock.hook.watched import WATCHED, Watched
from drydock.nearest import choices
from drydock.progress import silent
from drydock.project import Project
from drydock.project.worktree import checkout
from drydock.report import console, tables
from drydock.state import receipts
from drydock.state.receipts import Receipt, Receipts
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Pipeline

EVIDENCE_LINES = 30
# What receipts of gates that judge an image call the base that it stands on.
BASE = "base image"


@dataclass(frozen=True)
class Due:
    """A gate that is to judge one target of the pushed commit.

    Args:
        gate: What it judges.
        target: The target; empty for a gate that judges no image.
        inputs: The digest of what it judges.
    """

    gate: Watched
    target: str
    inputs: str

    @property
    def defined(self) -> receipts.Gate:
        """The gate as it is now."""
        return receipts.Gate(self.gate.name, runner.code())


def main(names: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run what has to judge the pushed commit, one line each, and stop at the first that refuses.

    Args:
        names: The gates; all of them when empty.
        environment: Where pre-commit says what is pushed.

    Returns:
        The exit code: 0 when the push may go on.
    """
    out = console(stderr=True)
    root = Path(command.run(["git", "rev-parse", "--show-toplevel"]).stdout.strip())
    commit = environment.get("PRE_COMMIT_TO_REF", "HEAD")
    try:
        gates = chosen(names)
        with checkout(root, commit) as folder:
            _judge(load(folder), contents(root, commit), gates, out)
    except errors.DrydockError as error:
        if error.evidence:
            out.print(error.evidence, markup=False)
        out.print(str(error), markup=False)
        return error.exit_code
    return 0


def chosen(names: Sequence[str]) -> list[Watched]:
    """Return the gates that were named, in the hook's own order; all of them when none was.

    Raises:
        errors.UnknownGate: The hook runs no gate of that name.
    """
    known = {one.name: one for one in WATCHED}
    for name in names:
        if name not in known:
            raise errors.UnknownGate(gate=name, known=choices(name, known))
    return [one for one in WATCHED if not names or one.name in names]


def due(project: Project, files: Mapping[str, str], gates: Sequence[Watched]) -> Iterator[Due]:
    """Yield each gate with each of its targets; a gate whose inputs the project does not have is left out."""
    source = project.source.relative_to(project.root).as_posix()
    for gate in gates:
        targets = runner.GATES[gate.name].targets if gate.session is None else ("",)
        for target in targets:
            if inputs := digest(files, gate.patterns("" if source == "." else source), target):
                yield Due(gate, target, inputs)


def _judge(project: Project, files: Mapping[str, str], gates: Sequence[Watched], out: Console) -> None:
    pipeline: Pipeline | None = None
    base = _base(project)
    for one in due(project, files, gates):
        known = Receipts().find(one.defined, one.inputs)
        if known and stands_on(base, one.gate, known):
            _show(out, known.verdict, "unchanged")
            continue
        tools: dict[str, str] = {}
        if one.gate.session is None:
            pipeline = pipeline or Pipeline(connect(), project, silent, quiet=True, channel="push")
            gate = runner.GATES[one.gate.name]
            earlier = runner.receipt(gate, pipeline, one.target)
            verdict = earlier.verdict if earlier else runner.judge(gate, pipeline, one.target)
            tools = {BASE: pipeline.base.digest}
            _show(out, verdict, "receipt" if earlier else "")
        else:
            verdict = in_session(one.gate, project.root)
            _show(out, verdict)
        Receipts().write(one.defined, verdict, content=one.inputs, image="", tools=tools)
        if not verdict.passed:
            raise runner.refusal(verdict)


def stands_on(base: str, gate: Watched, known: Receipt) -> bool:
    """Tell whether a receipt is of the base image that is there now.

    Args:
        base: The base's digest; empty where no engine has one, so that nothing else can be built here.
        gate: What wrote the receipt; it may judge no image.
        known: The receipt.
    """
    return not base or gate.session is not None or known.tools.get(BASE) == base


def _base(project: Project) -> str:
    try:
        found = bases.present(connect(), project)
    except errors.NoEngine:
        return ""
    return found.digest if found else ""


def in_session(gate: Watched, folder: Path) -> Verdict:
    """Run a gate's Nox session in a folder, with the tools of this environment."""
    began = time.monotonic()
    args = [sys.executable, "-m", "nox", "--session", gate.name, "--", *(gate.session or ())]
    # The folder's own drydock is judged, not the one that is installed.
    done = command.run(args, check=False, cwd=folder, env={"PYTHONPATH": str(folder)})
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("nox > ")]
    summary = said[-1] if said else "nothing was printed"
    outcome = Outcome.PASSED if done.code == 0 else Outcome.FAILED
    evidence = "" if done.code == 0 else "\n".join(lines[-EVIDENCE_LINES:])
    return Verdict(gate.name, outcome, summary, evidence=evidence, seconds=time.monotonic() - began)


def _show(out: Console, verdict: Verdict, instead: str = "") -> None:
    took = instead or f"{verdict.seconds:.1f} s"
    summary = escape(verdict.summary)
    out.print(f"{tables.MARKS[verdict.outcome]}  [bold]{verdict.gate}[/bold]  {summary}  [dim]{took}[/dim]")
