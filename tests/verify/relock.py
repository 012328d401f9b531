"""Give an example's lock files the addresses that they are committed without."""

from __future__ import annotations

from pathlib import Path

from drydock import command, programs

# Everything that the examples' locks hold was there by then, and nothing newer is taken.
LOCKED_AT = "2026-11-21T00:00:00Z"


def relock(folder: Path) -> None:
    """Make every uv.lock below a folder again; the lock files of other tools hold no addresses.

    Raises:
        command.CommandFailed: uv found no versions, or reached no index.
    """
    for lock in sorted(folder.rglob("uv.lock")):
        command.run(
            [programs.uv(), "lock", "--quiet", "--upgrade", f"--exclude-newer={LOCKED_AT}"],
            cwd=lock.parent,
            env={"UV_SYSTEM_CERTS": "1"},
        )
