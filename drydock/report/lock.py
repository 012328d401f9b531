"""Show what `drydock lock` wrote: each file, and the pins that moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drydock.recipe.locking import Renewed
from drydock.report import console


def show(renewed: Iterable[Renewed]) -> None:
    """Print a line for each lock, and one for each pin that moved, came or went."""
    out = console()
    for one in renewed:
        for line in lines(one):
            out.print(line, markup=False, highlight=False, soft_wrap=True)


def lines(one: Renewed) -> Iterator[str]:
    """Yield what is told about a lock."""
    old, new = one.old or {}, one.new
    if one.old is None:
        yield f"{'made':<12} {one.path} ({len(new)} packages)"
        return
    yield f"{'renewed' if one.changed else 'unchanged':<12} {one.path}"
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{'':<12} {name} {old.get(name, '(none)')} -> {new.get(name, '(none)')}"
