"""Verify example projects, or public projects on this machine: init, build, start, ask.

python -m tests.verify                              every example of tests/apps
python -m tests.verify lock_uv lock_pdm             these examples
python -m tests.verify --clones ../public           the public projects of projects.toml, cloned there
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from drydock.engine import connect
from drydock.errors import DrydockError
from drydock.gates.errors import GateFailed
from drydock.report import console, print_json
from tests.verify import cases, tables
from tests.verify.check import Row, check, faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, print, and return the exit code: 0 if all projects are as expected."""
    options = _options(arguments)
    try:
        wanted = (
            cases.projects(options.clones, options.names) if options.clones else cases.examples(options.names)
        )
        rows = _rows(wanted, options.jobs)
    except DrydockError as error:
        console(stderr=True).print(str(error), markup=False, soft_wrap=True)
        return error.exit_code
    if options.json:
        print_json({"projects": [tables.as_json(row) for row in rows]})
    else:
        tables.show(console(), rows)
    found = faults(rows)
    for fault in found:
        console(stderr=True).print(fault, markup=False, soft_wrap=True)
    return GateFailed.exit_code if found else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="python -m tests.verify", description=__doc__.partition("\n")[0])
    made.add_argument("names", nargs="*", metavar="NAME", help="which projects; all when none is named")
    made.add_argument("--clones", type=Path, metavar="DIR", help="verify public projects, cloned in DIR")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at a time (2)")
    made.add_argument("--json", action="store_true", help="print the table as JSON")
    return made.parse_args(arguments)


def _rows(wanted: Sequence[cases.Case], jobs: int) -> list[Row]:
    """Verify several projects at a time, with a line on standard error for each."""
    out = console(stderr=True)
    done = 0
    counting = threading.Lock()

    def one(case: cases.Case) -> Row:
        nonlocal done
        # Separate connections: the engine's client is not thread-safe.
        engine = connect()
        try:
            row = check(case, engine, Path(folder) / case.name)
        finally:
            engine.sdk.close()
        with counting:
            done += 1
            out.print(f"{done}/{len(wanted)} {tables.line(row)}", markup=False, soft_wrap=True)
        return row

    with tempfile.TemporaryDirectory(prefix="drydock-verify-") as folder:
        # Keep these builds out of the user's history.
        os.environ["XDG_STATE_HOME"] = f"{folder}/.state"
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, wanted))


if __name__ == "__main__":
    sys.exit(main())
