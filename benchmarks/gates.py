"""Time every gate: when it judges, when it finds its receipt, and when nothing that it judges has changed.

Run it with `./run python -m benchmarks.gates [GATE...]`; without names it takes every gate but `cluster`. It
works in a clone of the last commit, with a state folder of its own: your receipts stay as they are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from drydock.engine import Engine, connect
from drydock.gates import runner
from drydock.gates.verdict import Outcome, Verdict
from drydock.hook import due
from drydock.hook.commit import contents
from drydock.hook.watched import WATCHED
from drydock.pipeline import Pipeline
from drydock.project import load
from drydock.receipts import Receipts
from drydock.report import console, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table
from drydock.say import silent

ROOT = Path(__file__).resolve().parent.parent
NEEDS_A_CLUSTER = "cluster"
HOOK = "all of the hook"


def seconds_of(gate: runner.Gate, engine: Engine, folder: Path) -> tuple[Verdict, float, float]:
    """Judge a gate's first target twice, and return the verdict with the seconds of both.

    The second time is that of another process, which finds the receipt: it builds again, from the cache.
    """
    target = gate.targets[0]
    pipeline = Pipeline(engine, load(folder), silent, quiet=True, channel="push")
    pipeline.built(target)
    began = time.perf_counter()
    verdict = runner.judge(gate, pipeline, target)
    judged = time.perf_counter() - began
    later = Pipeline(engine, load(folder), silent, quiet=True, channel="push")
    began = time.perf_counter()
    found = runner.receipt(gate, later, target)
    looked = time.perf_counter() - began
    if verdict.passed and found is None:
        raise SystemExit(f"{gate.name} has passed and left no receipt")
    return verdict, judged, looked


def unchanged(folder: Path) -> float:
    """Return the seconds of a whole hook, its process included, that finds every gate unchanged."""
    for one in due(load(folder), contents(folder, "HEAD"), WATCHED):
        verdict = Verdict(one.gate.name, Outcome.PASSED, "as before")
        Receipts().write(one.defined, verdict, content=one.inputs, image="", tools={})
    # -P: the code that is measured is this checkout's, as it was for the receipts.
    hook = [sys.executable, "-P", "-m", "drydock.hook"]
    began = time.perf_counter()
    subprocess.run(hook, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    known = [name for name in runner.GATES if name != NEEDS_A_CLUSTER]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates")
    parser.add_argument("gates", nargs="*", choices=[*known, []], default=[], metavar="GATE")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    rows = []
    engine = connect()
    progress = console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        os.environ["XDG_STATE_HOME"] = str(Path(name) / "state")
        for gate in given.gates or known:
            with waiting(f"timing {gate}"):
                verdict, judged, looked = seconds_of(runner.GATES[gate], engine, clone)
            rows.append((gate, verdict.outcome.value, judged, looked))
            # It takes minutes; whoever ends it keeps what was measured.
            progress.print(f"{gate}  {verdict.outcome.value}  {judged:.1f} s, with a receipt {looked:.1f} s")
        hook = unchanged(clone)
    if given.json:
        keys = ("gate", "outcome", "judged_seconds", "receipt_seconds")
        print_json({"gates": [dict(zip(keys, row, strict=True)) for row in rows], "unchanged_seconds": hook})
        return
    shown = [
        (gate, outcome, f"{judged:.1f}", f"{looked:.1f}", f"{looked / judged:.2f}")
        for gate, outcome, judged, looked in rows
    ]
    titles = ("gate", "verdict", "seconds to judge", "with a receipt", "of judging")
    table(console(), titles, shown, right=(2, 3, 4))
    console().print(f"{HOOK} with nothing changed: {hook:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
