"""Errors about recipes."""

from __future__ import annotations

from drydock.errors import DrydockError, Exit


class FilesDiffer(DrydockError):
    exit_code = Exit.CONFIGURATION
    fact = "what stands in {root} differs from what would be written: {names}"
    next_step = "read the difference above, and overwrite them with --force"


class NotLocked(DrydockError):
    exit_code = Exit.CONFIGURATION
    fact = "the dependencies in {folder} cannot be locked: {reason}"
    next_step = "correct the declaration, then run `drydock lock`"


class NotInLock(DrydockError):
    exit_code = Exit.USAGE
    fact = "no lock of {root} holds {name!r}"
    next_step = "{how}"
