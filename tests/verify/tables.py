"""Show projects' results: a line while they run, a table at the end, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from drydock.project import TARGETS
from drydock.report import megabytes
from drydock.report.tables import table
from tests.verify.check import Row

TITLES = ("project", "facts", "built", "answered", "production", "slim", "seconds", "why not")
NUMBERS = (1, 4, 5, 6)


def line(row: Row) -> str:
    """Return one line about a finished project."""
    mark = "ok" if row.is_good else "WRONG"
    sizes = " ".join(f"{target} {megabytes(size)}" for target, size in row.sizes.items())
    words = (mark, row.name, _outcome(row), sizes, f"{row.seconds:.1f} s", row.said, *row.wrong)
    return " · ".join(filter(None, words))


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the table of all projects, and their sum."""
    table(console, TITLES, [[escape(cell) for cell in _cells(row)] for row in rows], NUMBERS)
    facts = sum(row.right for row in rows)
    wrong = sum(len(row.wrong) for row in rows)
    console.print(
        f"{len(rows)} projects: {sum(row.answered for row in rows)} answered,"
        f" {sum(row.refused for row in rows)} refused; {facts} facts right, {wrong} wrong"
    )


def as_json(row: Row) -> dict[str, Any]:
    return {**asdict(row), "good": row.is_good}


def _cells(row: Row) -> list[str]:
    sizes = [megabytes(row.sizes[target]) if target in row.sizes else "" for target in TARGETS]
    facts = f"{row.right}/{row.right + len(row.wrong)}"
    said = "; ".join(filter(None, (row.said, *row.wrong)))
    return [row.name, facts, _yes(row.built), _yes(row.answered), *sizes, f"{row.seconds:.0f}", said]


def _outcome(row: Row) -> str:
    if row.answered:
        return "refused, decided, answered" if row.refused else "answered"
    return "refused" if row.refused else "built" if row.built else "not built"


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
