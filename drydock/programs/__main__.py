"""``python -m drydock.programs PROGRAM [REQUIREMENT]``: remake a tool's lock file, or make a new one."""

import sys

from drydock.programs import relock

if __name__ == "__main__":
    relock(*sys.argv[1:3])
