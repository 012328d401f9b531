"""Show the differences of production from slim, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from drydock.image.left_out import LeftOut, Omission, folded
from drydock.report import megabytes
from drydock.report.size import printable
from drydock.report.tables import table

UNEXPLAINED = "[red]no reason is known[/red]"


def show(console: Console, found: LeftOut, *, every: bool) -> None:
    """Print both kinds of differences, by folder and reason, or by path."""
    for title, omissions in (("left out", found.missing), ("changed", found.changed)):
        rows = _paths(omissions) if every else _folders(omissions)
        titles = (title, "package" if every else "paths", "bytes less", "reason")
        table(console, titles, rows, right=(2,) if every else (1, 2))
    if found.whole:
        console.print(f"{len(found.whole)} files keep their symbols, since they carry data or a signature")
    for path in found.whole if every else ():
        console.print(f"  {printable(path)}", markup=False)
    less = sum(one.size for one in (*found.missing, *found.changed))
    console.print(
        f"{len(found.missing)} paths left out, {len(found.changed)} changed: {megabytes(less)} less than slim"
    )
    if count := len(found.unexplained):
        console.print(f"[red]{count} without a reason[/red]: build both targets from one commit, then repeat")


def as_json(found: LeftOut) -> Mapping[str, object]:
    """Return every difference as JSON values; sizes in bytes."""

    def paths(omissions: Iterable[Omission]) -> list[dict[str, object]]:
        return [{**asdict(one), "path": printable(one.path)} for one in omissions]

    return {
        "left_out": paths(found.missing),
        "changed": paths(found.changed),
        "not_stripped": [printable(path) for path in found.whole],
        "unexplained": len(found.unexplained),
    }


def _folders(omissions: Iterable[Omission]) -> list[tuple[str, ...]]:
    return [
        (escape(printable(folder)), str(count), f"{size:,}", escape(reason) or UNEXPLAINED)
        for folder, count, size, reason in folded([*omissions])
    ]


def _paths(omissions: Iterable[Omission]) -> list[tuple[str, ...]]:
    return [
        (escape(printable(one.path)), one.package, f"{one.size:,}", escape(one.reason) or UNEXPLAINED)
        for one in omissions
    ]
