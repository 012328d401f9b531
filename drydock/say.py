"""How a step tells what it does: a function that takes one line at a time."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]


def silent(line: str) -> None:
    """Tell nobody."""
