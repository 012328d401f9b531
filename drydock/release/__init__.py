"""Release a version: everything from the build to the tags that people follow, in one resumable command.

The order keeps a registry honest at every moment. The image is built and has passed its gates before anything
leaves; it is pushed under the tag of its commit, which nobody follows; its documents are attached and signed,
and then it is signed itself; only then do the version's tags come to name it, each in one step. Whatever ends
the process in between, a tag names what it named before, or an image that was tested and signed.

Each step first looks whether it is done, by asking whoever would know: the engine, the receipts, the
registry. The journal pins the image that the earlier steps were about.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from drydock import errors
from drydock.publish import cosign
from drydock.release.plan import Plan, decide
from drydock.release.steps import STEPS, Step, Work
from drydock.spelling import spelled

__all__ = ["Outcome", "Plan", "Work", "decide", "foresee", "release"]


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    Args:
        step: Its name.
        what: What it does, in words.
        held: Whether it was done before, and was not done again.
        seconds: How long it took, the look at what is done included.
    """

    step: str
    what: str
    held: bool
    seconds: float


def foresee(work: Work) -> list[Outcome]:
    """Tell what a release would do, and do nothing: which steps are done already, and which are to come."""
    outcomes: list[Outcome] = []
    for step in STEPS:
        # What follows a step that is to come is to come as well, and has nothing yet that it could ask about.
        held = all(outcome.held for outcome in outcomes) and step.holds(work)
        outcomes.append(Outcome(step.name, step.what(work.plan), held, 0.0))
    return outcomes


def release(work: Work) -> Iterator[Outcome]:
    """Release, and yield each step's outcome.

    Raises:
        errors.ReleaseRunning: Another process is at the same release.
        errors.VersionTaken: The version's tag names another image already.
        errors.SigningFailed, errors.CosignNotInstalled: The key cannot be used; found out before the build.
        errors.DrydockError: A step failed; the next call goes on with it.
    """
    with work.journal.locked():
        if work.plan.key:
            with cosign.public_key(cosign.program(work.say), work.plan.key):
                # It can be opened: hours of gates will not end at a forgotten password.
                pass
        for step in STEPS:
            yield _take(step, work)


def _take(step: Step, work: Work) -> Outcome:
    began = time.monotonic()
    what = step.what(work.plan)
    try:
        with work.patience(step.name):
            held = step.holds(work)
        work.say(f"{step.name:<6}  {'done before: ' if held else ''}{what}")
        if not held:
            with nullcontext() if step.shows else work.patience(step.name):
                step.run(work)
    except (errors.DrydockError, KeyboardInterrupt):
        work.say(spelled(f"stopped at {step.name}; `drydock release {work.plan.version}` goes on there"))
        raise
    return Outcome(step.name, what, held, round(time.monotonic() - began, 3))
