"""Show what `invoke init` wrote: a line for each file, the differences, and what a person should know."""

from __future__ import annotations

from drydock.recipe import Change, Outcome
from drydock.report import console
from drydock.spelling import spelled

HELPERS = "image/"


def show(outcome: Outcome, *, dry_run: bool) -> None:
    """Print what was written, or would be."""
    out = console()
    for change in outcome.changes:
        if change.overwrites or change.adds or (dry_run and not change.path.startswith(HELPERS)):
            out.print(change.difference, markup=False, highlight=False, soft_wrap=True)
    for change in outcome.changes:
        out.print(
            f"{_word(change, dry_run):<14} {change.path}", markup=False, highlight=False, soft_wrap=True
        )
    for path in outcome.unresolved:
        out.print(f"{'would lock':<14} {path}", markup=False, highlight=False, soft_wrap=True)
    if not outcome.changes:
        out.print("nothing to write: every file is as it would be written", markup=False, highlight=False)
    for note in outcome.notes:
        out.print(f"note           {spelled(note)}", markup=False, highlight=False, soft_wrap=True)


def _word(change: Change, dry_run: bool) -> str:
    word = "overwrite" if change.overwrites else "add to" if change.adds else "write"
    return f"would {word}" if dry_run else {"write": "wrote", "add to": "added to"}.get(word, "overwrote")
