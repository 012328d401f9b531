"""Show the files that `drydock init` and `drydock lock` wrote."""

from collections.abc import Iterable, Iterator

from drydock.recipe import Change, Outcome
from drydock.recipe.locking import Renewed
from drydock.report import console
from drydock.spelling import counted, spelled

SCRIPTS = "image/"


def show(outcome: Outcome, *, dry_run: bool) -> None:
    """Print the files and the next command; in a dry run, also the new texts except scripts."""
    for change in outcome.changes:
        if change.old is not None or (dry_run and not change.path.startswith(SCRIPTS)):
            _print(change.difference)
    for change in outcome.changes:
        lines = f" ({change.new.count(chr(10))} lines)" if change.old is None else ""
        _print(f"{_word(change, dry_run):<14} {change.path}{lines}")
    for path in outcome.unresolved:
        _print(f"{'would lock':<14} {path}")
    if not outcome.changes:
        _print("nothing to write: every file fits the project")
    for note in outcome.notes:
        _print(f"note           {spelled(note)}")
    if not dry_run:
        _print(spelled("next: `drydock build`"))


def show_locks(renewed: Iterable[Renewed]) -> None:
    for one in renewed:
        for line in lock_lines(one):
            _print(line)


def lock_lines(one: Renewed) -> Iterator[str]:
    old, new = one.old or {}, one.new
    if one.old is None:
        yield f"{'made':<12} {one.path} ({counted(len(new), 'package')})"
        return
    yield f"{'renewed' if one.changed else 'unchanged':<12} {one.path}"
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{'':<12} {name} {old.get(name, '(none)')} -> {new.get(name, '(none)')}"


def _print(line: str) -> None:
    console().print(line, markup=False, highlight=False, soft_wrap=True)


def _word(change: Change, dry_run: bool) -> str:
    if change.lost:
        return "would overwrite" if dry_run else "overwrote"
    if change.old is None:
        return "would write" if dry_run else "wrote"
    return "would change" if dry_run else "changed"
