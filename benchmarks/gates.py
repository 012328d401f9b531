"""Time every gate, with and without a receipt; `benchmarks.hook` times the pre-push hook.

Run it with `./run python -m benchmarks.gates [GATE...]`; without names it takes every gate but `cluster`. It
works in a clone of the last commit, with its own state folder: your receipts stay as they are.
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

from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.gates import proof
from drydock.gates.gate import Gate, registry
from drydock.publish.builds import open_workspace
from drydock.report import console, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table
from drydock.verdict import Verdict

ROOT = Path(__file__).resolve().parent.parent
NEEDS_A_CLUSTER = "cluster"


def seconds_of(gate: Gate, engine: Engine, folder: Path) -> tuple[Verdict, float, float]:
    """Judge a gate's first target twice, and return the verdict with the seconds of both.

    The second judgement is as in another process, which finds the receipt: it builds again, from the cache.
    """
    target = gate.facts.targets[0]
    workspace = open_workspace(engine, load(folder), channel="push")
    workspace.built(target)
    began = time.perf_counter()
    verdict = proof.judge(gate, workspace, target)
    judged = time.perf_counter() - began
    later = open_workspace(engine, load(folder), channel="push")
    began = time.perf_counter()
    found = proof.receipt(gate, later, target)
    looked = time.perf_counter() - began
    if verdict.passed and found is None:
        raise SystemExit(f"{gate.name} has passed and left no receipt")
    return verdict, judged, looked


def main(arguments: Sequence[str]) -> None:
    known = [name for name in registry() if name != NEEDS_A_CLUSTER]
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
                verdict, judged, looked = seconds_of(registry()[gate], engine, clone)
            rows.append((gate, verdict.outcome.value, judged, looked))
            # It takes minutes; an interrupted run keeps the lines so far.
            progress.print(f"{gate}  {verdict.outcome.value}  {judged:.1f} s, with a receipt {looked:.1f} s")
    if given.json:
        keys = ("gate", "outcome", "judged_seconds", "receipt_seconds")
        print_json({"gates": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    shown = [
        (gate, outcome, f"{judged:.1f}", f"{looked:.1f}", f"{looked / judged:.2f}")
        for gate, outcome, judged, looked in rows
    ]
    titles = ("gate", "verdict", "seconds to judge", "with a receipt", "of judging")
    table(console(), titles, shown, right=(2, 3, 4))


if __name__ == "__main__":
    main(sys.argv[1:])
