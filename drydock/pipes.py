"""Survive a reader of standard output that leaves early."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def readable() -> Iterator[None]:
    """End quietly when the reader of standard output closes it, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        watch = select.poll()
        watch.register(sys.stdout.fileno(), 0)
        if not watch.poll(0):
            raise  # it was another pipe
        # Python flushes once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
