"""Show the files that `drydock init` and `drydock lock` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drydock.recipe import Change, Outcome
from drydock.recipe.locking import Renewed
from drydock.report import console
from drydock.spelling import spelled

HELPERS = "image/"


def show(outcome: Outcome, *, dry_run: bool) -> None:
    """Print the files that were written, or would be: the scripts of every project only by their names."""
    for change in outcome.changes:
        if change.overwrites or change.adds or (dry_run and not change.path.startswith(HELPERS)):
            _print(change.difference)
    for change in outcome.changes:
        _print(f"{_word(change, dry_run):<14} {change.path}")
    for path in outcome.unresolved:
        _print(f"{'would lock':<14} {path}")
    if not outcome.changes:
        _print("nothing to write: every file is as it would be written")
    for note in outcome.notes:
        _print(f"note           {spelled(note)}")


def show_locks(renewed: Iterable[Renewed]) -> None:
    """Print a line for each lock, and one for each pin that moved, came or went."""
    for one in renewed:
        for line in lock_lines(one):
            _print(line)


def lock_lines(one: Renewed) -> Iterator[str]:
    """Yield the lines about one lock."""
    old, new = one.old or {}, one.new
    if one.old is None:
        yield f"{'made':<12} {one.path} ({len(new)} packages)"
        return
    yield f"{'renewed' if one.changed else 'unchanged':<12} {one.path}"
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{'':<12} {name} {old.get(name, '(none)')} -> {new.get(name, '(none)')}"


def _print(line: str) -> None:
    console().print(line, markup=False, highlight=False, soft_wrap=True)


def _word(change: Change, dry_run: bool) -> str:
    word = "overwrite" if change.overwrites else "add to" if change.adds else "write"
    return f"would {word}" if dry_run else {"write": "wrote", "add to": "added to"}.get(word, "overwrote")
