"""Output for people and programs: tables, progress and JSON."""

import functools
import json
import sys
from collections.abc import Mapping

from rich.console import Console

MB = 1_000_000
# On a terminal with fewer characters per line, columns leave too little room for their cells.
NARROW = 60


@functools.cache
def console(stderr: bool = False, quiet: bool = False) -> Console:
    """Return the console of this kind, shared by all live displays; it honours NO_COLOR.

    It wraps lines only on a terminal.
    """
    made = Console(stderr=stderr, highlight=False, quiet=quiet)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, quiet=quiet, width=160, soft_wrap=True)
    return made


def megabytes(size: int) -> str:
    """Format a size in MB (10^6 bytes) with one decimal."""
    return f"{size / MB:.1f} MB"


def print_json(content: Mapping[str, object]) -> None:
    json.dump(content, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
