"""Run a gate on one target after the other."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from drydock.errors import DrydockError
from drydock.gates.errors import CouldNotCheck, GateFailed
from drydock.gates.gate import Gate
from drydock.gates.subject import Subject
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Workspace


@dataclass(frozen=True)
class Judgement:
    gate: Gate
    subject: Subject
    verdict: Verdict
    fault: DrydockError | None = None  # the error that kept the gate from judging

    @property
    def error(self) -> DrydockError | None:
        """The error to raise; None for a pass."""
        return self.fault or (None if self.verdict.passed else refusal(self.verdict))


def run(
    gate: Gate, workspace: Workspace, targets: Sequence[str] = (), arguments: Sequence[str] = ()
) -> Iterator[Judgement]:
    """Yield a gate's verdict on each target; stop after the first that cannot be judged."""
    for target in targets or gate.targets(workspace.project):
        subject = Subject(workspace, target, tuple(arguments))
        began = time.monotonic()
        try:
            # Rendered first: a gate may read the recipe's files before it asks for the image.
            _ = workspace.recipe
            with workspace.progress.under_way(f"{gate.name} of {target}"):
                verdict = gate.judge(subject)
        except DrydockError as fault:
            seconds = time.monotonic() - began
            ended = Verdict(gate.name, Outcome.COULD_NOT_CHECK, fault.args[0], seconds=seconds)
            yield Judgement(gate, subject, ended, fault)
            return
        seconds = verdict.seconds or time.monotonic() - began
        yield Judgement(gate, subject, replace(verdict, gate=gate.name, seconds=seconds))


def refusal(verdict: Verdict) -> DrydockError:
    """Return the error for a verdict other than a pass."""
    kind = CouldNotCheck if verdict.outcome is Outcome.COULD_NOT_CHECK else GateFailed
    shown = "fix what the lines above show, and " if verdict.details or verdict.evidence else ""
    how = f"{shown}see it again with `drydock gate {verdict.gate}`"
    return kind(gate=verdict.gate, summary=verdict.summary, how=how, evidence=verdict.evidence)
