"""``python -m drydock.tools PROGRAM [REQUIREMENT]``: remake a tool's lock file, or make a new one."""

from __future__ import annotations

import sys

from drydock.tools import relock

if __name__ == "__main__":
    relock(*sys.argv[1:3])
