"""Time from the start of `drydock TASK` to its first output, for every task; the goal is 0.25 seconds.

Run it with `./run python -m benchmarks.first_output`. Each task is ended at its first output, in an empty
folder and without an engine, so that nothing is built, pushed or removed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from drydock.report import console, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table
from drydock.tasks import namespace

ROOT = Path(__file__).resolve().parent.parent
GOAL_SECONDS = 0.25
REPETITIONS = 5
# Python and Invoke itself: every task except the version includes them.
BASELINE = "--list"


def commands() -> Iterator[tuple[str, ...]]:
    """Yield the arguments of every task, and of the list and its help."""
    yield from ((BASELINE,), ("--version",), ("--help", "build"))
    for context in namespace.to_contexts():
        # Any word will do: a task prints before it reads its arguments.
        yield (str(context.name), *("word" for _ in context.positional_args))


def first_output(args: Sequence[str], folder: Path) -> float:
    """Return the seconds until a command's first output, and end it then; the folder must be empty."""
    environment = {**os.environ, "DOCKER_HOST": f"unix://{folder}/none.sock"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "drydock.cli", *args],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout  # noqa: S101 - it is a pipe
    try:
        os.read(process.stdout.fileno(), 1)
        return time.perf_counter() - began
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a task misses the goal")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, waiting("starting every task") as tell:
        seconds = {}
        for args in commands():
            tell(" ".join(args))
            seconds[" ".join(args)] = min(first_output(args, Path(name)) for _ in range(REPETITIONS))
    base = seconds[BASELINE]
    late = [command for command, taken in seconds.items() if taken > GOAL_SECONDS]
    if given.json:
        print_json({"seconds": seconds, "goal": GOAL_SECONDS, "late": late})
    else:
        rows = [
            (f"drydock {command}", f"{taken:.2f}", f"{taken / base:.2f}", "late" if command in late else "")
            for command, taken in seconds.items()
        ]
        table(console(), ("command", "seconds", f"of {BASELINE}", ""), rows, right=(1, 2))
    return 1 if given.check and late else 0


if __name__ == "__main__":
    sys.exit(main())
