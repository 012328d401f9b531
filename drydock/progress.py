"""How a step tells what it does: a line at a time, or signs of life while it cannot say more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Say = Callable[[str], None]
# Takes what is waited for, and shows until it is left that it goes on.
Patience = Callable[[str], AbstractContextManager[object]]


def silent(line: str) -> None:
    """Tell nobody."""


def unseen(_: str) -> AbstractContextManager[object]:
    """Show nobody that something goes on."""
    return nullcontext()
