"""Derive each file's time from its content: equal content gets an equal time, other content another.

So layers do not depend on when they are built, browsers notice a changed static file, and Python a changed
module. Every time is after 1980-01-02 in all zones, the earliest that the oldest archives can hold.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

# 1980-01-03 in seconds: a day later than any time zone needs.
EARLIEST = 315_705_600
# Forty years keep every time in the past.
SPAN = 40 * 365 * 24 * 3600


def of(content: bytes) -> int:
    """Return the time for a content, in seconds since 1970."""
    return EARLIEST + int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % SPAN


def give(path: str | Path, content: bytes) -> None:
    """Give a file the time of its content."""
    time = of(content)
    os.utime(path, (time, time))


def settle(tree: Path, files: bool = True) -> None:
    """Give folders and links the earliest time and, if asked to, every file the time of its content.

    Paths stay plain strings: there are tens of thousands.
    """
    for place, folders, names in os.walk(tree, topdown=False):
        for name in (*names, *folders):
            path = f"{place}/{name}"
            mode = os.lstat(path).st_mode
            if not stat.S_ISREG(mode):
                os.utime(path, (EARLIEST, EARLIEST), follow_symlinks=False)
            elif files:
                with open(path, "rb") as file:  # noqa: PTH123
                    give(path, file.read())
        os.utime(place, (EARLIEST, EARLIEST))
