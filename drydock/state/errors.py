"""Errors about drydock's own state."""

from __future__ import annotations

from drydock.errors import DrydockError, Exit


class HistoryUnreadable(DrydockError):
    exit_code = Exit.MACHINE
    fact = "the history in {path} cannot be read: {reason}"
    next_step = "move that file away: the next build begins a new one"
