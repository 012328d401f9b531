"""Times that follow from content: equal content gets an equal time, other content another.

Layers are then the same whenever they are built, browsers see that a static file has changed, and Python
that a module has. No time is before 1980-01-02 in any zone, which the oldest archives can hold.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

# 1980-01-03, in seconds: a day later than the earliest that any zone allows.
EARLIEST = 315_705_600
# Forty years: every time is in the past.
SPAN = 40 * 365 * 24 * 3600


def of(content: bytes) -> int:
    """Return the time of a content, in seconds since 1970."""
    return EARLIEST + int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % SPAN


def settle(tree: Path) -> None:
    """Give every file of a tree the time of its content; folders, which have none, get the earliest."""
    for place, folders, names in os.walk(tree, topdown=False):
        for name in (*names, *folders):
            path = Path(place, name)
            mode = path.lstat().st_mode
            time = of(path.read_bytes()) if stat.S_ISREG(mode) else EARLIEST
            os.utime(path, (time, time), follow_symlinks=False)
        os.utime(place, (EARLIEST, EARLIEST))
