"""Write builds in a separate process: `python -m tests.state.history.writer DATABASE NAME COUNT [killed]`."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

from drydock.state.history import History
from tests.state.history.samples import ORIGIN, build

BEGAN = 1_800_000_000.0


def main(database: str, name: str, count: str, *words: str) -> None:
    """Write builds; with `killed`, die in the middle of the last one's transaction."""
    history = History(Path(database), busy=60)
    for number in range(int(count)):
        history.add_build(build(BEGAN + number, f"sha256:{number}", replace(ORIGIN, target=name)))
    if "killed" in words:
        connection = sqlite3.connect(database, isolation_level=None)
        # With so little memory, the transaction goes to the log before it is committed.
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM builds")
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
