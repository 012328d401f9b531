"""Push, sign or release a version: three plans over one table of steps, each resumable.

The order of a release keeps the registry consistent at every moment. The image is built and passes its gates
before anything leaves. It is pushed under its commit's tag, which no deployment uses. Its signed documents
are attached, then it is signed itself. Only then do the version's tags move to it, each in one step. So
whenever the process ends, a tag names its former image or one that was tested and signed.

Each step first asks the engine, the receipts or the registry whether it is done. The journal pins the image
of the earlier steps.
"""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from drydock.errors import DrydockError
from drydock.publish import cosign
from drydock.release.plan import Plan, to_push, to_release, to_sign
from drydock.release.steps import STEPS, Step, Work, verify
from drydock.spelling import spelled

__all__ = ["Outcome", "Plan", "Work", "carry_out", "foresee", "to_push", "to_release", "to_sign", "verify"]


@dataclass(frozen=True)
class Outcome:
    step: str
    what: str
    # True if done before; None if an earlier step has to decide.
    held: bool | None
    seconds: float


def foresee(work: Work) -> list[Outcome]:
    """Tell which steps of a plan are done and which are pending, without doing anything."""
    _check_key(work)
    outcomes: dict[str, Outcome] = {}
    for name in work.plan.steps:
        step = STEPS[name]
        decided = all(outcomes[needed].held for needed in step.needs if needed in outcomes)
        held = step.holds(work) if decided else None
        outcomes[name] = Outcome(name, step.what(work.plan), held, 0.0)
    return list(outcomes.values())


def carry_out(work: Work) -> Iterator[Outcome]:
    """Carry out a plan's steps, and yield each one's outcome."""
    with work.journal.locked():
        _check_key(work)
        for name in work.plan.steps:
            yield _take(STEPS[name], work)


def _check_key(work: Work) -> None:
    """Open the key first, or find an identity: hours of gates must not end at a forgotten password."""
    if work.plan.key:
        with cosign.public_key(cosign.program(work.say), work.plan.key):
            pass
    elif "sign" in work.plan.steps:
        cosign.require_identity()


def _take(step: Step, work: Work) -> Outcome:
    began = time.monotonic()
    what = step.what(work.plan)
    try:
        with work.patience(step.name):
            held = step.holds(work)
        work.say(f"{step.name:<8}  {'done before: ' if held else ''}{what}")
        if not held:
            with nullcontext() if step.shows else work.patience(step.name):
                step.run(work)
    except (DrydockError, KeyboardInterrupt):
        work.say(spelled(f"stopped at {step.name}; `drydock {work.plan.command}` continues there"))
        raise
    return Outcome(step.name, what, held, round(time.monotonic() - began, 3))
