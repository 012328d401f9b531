"""Restore the addresses that an example's lock files are committed without."""

from __future__ import annotations

from pathlib import Path

from drydock import command, programs

# All releases in the examples' locks are older, and newer ones are excluded.
LOCKED_AT = "2026-11-21T00:00:00Z"


def relock(folder: Path) -> None:
    """Recreate every uv.lock below a folder; other tools' lock files contain no addresses.

    Raises:
        command.CommandFailed: uv found no versions, or reached no index.
    """
    for lock in sorted(folder.rglob("uv.lock")):
        command.run(
            [programs.uv(), "lock", "--quiet", "--upgrade", f"--exclude-newer={LOCKED_AT}"],
            cwd=lock.parent,
            env={"UV_SYSTEM_CERTS": "1"},
        )
