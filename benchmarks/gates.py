"""Time every gate, with and without a receipt; `benchmarks.hook` times the pre-push hook.

Run it with `./run python -m benchmarks.gates [GATE...]`; without names it takes every gate but `cluster`. It
works in a clone of the last commit, with its own state folder: your receipts stay as they are. With
`--against REVISION` that revision judges itself, gate by gate in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import code_of
from drydock import command
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.gates import proof
from drydock.gates.gate import Gate, registry
from drydock.publish.builds import open_workspace
from drydock.report import console, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table
from drydock.verdict import Verdict
from tests.support.clone import checkout

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
    parser.add_argument("--against", metavar="REVISION", help="time this revision's gates, too")
    given = parser.parse_args(arguments)
    rows: list[tuple[str, str, float, float]] = []
    earlier: dict[str, float] = {}
    engine = connect()
    progress = console(stderr=True)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="drydock-benchmark-"))
        against = stack.enter_context(code_of(given.against)) if given.against else None
        clone = checkout(Path(name) / "clone")
        os.environ["XDG_STATE_HOME"] = str(Path(name) / "state")
        for gate in given.gates or known:
            with waiting(f"timing {gate}"):
                verdict, judged, looked = seconds_of(registry()[gate], engine, clone)
            rows.append((gate, verdict.outcome.value, judged, looked))
            # It takes minutes; an interrupted run keeps the lines so far.
            progress.print(f"{gate}  {verdict.outcome.value}  {judged:.1f} s, with a receipt {looked:.1f} s")
            if not verdict.passed:
                progress.print(f"  {verdict.summary}")
            if against:
                with waiting(f"timing {gate} of {given.against}"):
                    earlier[gate] = _judged_by(against, gate)
    if given.json:
        keys = ("gate", "outcome", "judged_seconds", "receipt_seconds", "earlier_seconds")
        print_json({"gates": [dict(zip(keys, (*row, earlier.get(row[0])), strict=True)) for row in rows]})
        return
    shown = [
        (
            *(gate, outcome, f"{judged:.1f}", f"{looked:.1f}", f"{looked / judged:.2f}"),
            *((f"{judged / earlier[gate]:.2f}",) if gate in earlier else ()),
        )
        for gate, outcome, judged, looked in rows
    ]
    titles = ("gate", "verdict", "seconds to judge", "with a receipt", "of judging")
    table(console(), (*titles, *(["of the earlier"] if earlier else [])), shown, right=range(2, 6))


def _judged_by(code: Path, gate: str) -> float:
    """Return the seconds in which a revision's code judges its own image."""
    args = [sys.executable, "-m", "benchmarks.gates", gate, "--json"]
    [row] = json.loads(command.run(args, cwd=code).stdout)["gates"]
    return float(row["judged_seconds"])


if __name__ == "__main__":
    main(sys.argv[1:])
