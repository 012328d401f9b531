"""Show a release: a line for each step, and its result."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from drydock.release import Outcome, Work
from drydock.report.tables import key_values, table


def as_json(work: Work, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return a completed or planned release as JSON values."""
    plan = work.plan
    return {
        "version": plan.version,
        "revision": plan.revision,
        "image": work.entry.image,
        "digest": work.entry.digest,
        "pushed": str(plan.pushed),
        "tags": list(plan.tags),
        "steps": [asdict(outcome) for outcome in outcomes],
    }


def show_plan(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print a release's steps, and mark the completed ones."""
    words = {True: "done", False: "to do", None: "known later"}
    table(console, ("step", "", "what"), [(one.step, words[one.held], escape(one.what)) for one in outcomes])


def show(console: Console, work: Work, outcomes: Sequence[Outcome]) -> None:
    rows = [
        (one.step, "done before" if one.held else f"{one.seconds:.1f}", escape(one.what)) for one in outcomes
    ]
    table(console, ("step", "seconds", "what"), rows, right=(1,))
    key_values(console, {"released": str(work.plan.versioned), "digest": work.entry.digest})
