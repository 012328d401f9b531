"""Time `git push` with the pre-push hook: no change, a change of words only, one changed source file.

Run it with `./run python -m benchmarks.hook`; it takes about five minutes on two cores. It pushes to a bare
repository from a clone of the last commit, with its own state folder: your receipts stay as they are. Each
push is compared with the same push without the hook. The push of a changed source file is also compared with
the manual steps for such a change: `docker build` of the image, and the tests in it.

With `--against REVISION` that revision's hook judges its own clone, push by push in turn.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

from drydock import base as bases
from drydock import command
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.gates.build_cache import touch_source
from drydock.hook import BASE, contents, due
from drydock.hook.watched import watched
from drydock.progress import silent
from drydock.project import ca_bundle
from drydock.report import console, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table
from drydock.state.receipts import Receipts
from drydock.verdict import Outcome, Verdict
from tests.support.clone import Clone
from tests.support.images import remove_repository

IMAGE = "drydock-benchmark-hook"
# The hook's line about a gate that judged: its name and its seconds.
JUDGED = re.compile(r"^\w+  (\w+)  .*  ([\d.]+) s$", re.MULTILINE)


@dataclass(frozen=True)
class Pushed:
    """One kind of push.

    Args:
        change: Made before the push.
        seconds: With the hook.
        without: Seconds of the same push with `--no-verify`.
        gates: Seconds of each gate that judged.
        earlier: Seconds with the earlier revision's hook, if one was asked for.
    """

    change: str
    seconds: float
    without: float
    gates: dict[str, float]
    earlier: float | None = None


@dataclass(frozen=True)
class ByHand:
    """The manual steps for a changed source file.

    Args:
        build: Seconds of `docker build` of production.
        tests: Seconds of building the test image and running it.
    """

    build: float
    tests: float


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hook")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="pushes without a change (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    parser.add_argument("--against", metavar="REVISION", help="time this revision's hook, too")
    parser.add_argument(
        "--tests", default=(), nargs="+", metavar="PATH", help="by hand, run only these tests"
    )
    # The benchmark runs itself with this in its clones: receipts belong to the code that wrote them.
    parser.add_argument("--receipts", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    engine = connect()
    if given.receipts:
        _receipts(engine, Path.cwd())
        return
    revisions = ["HEAD", *([given.against] if given.against else [])]
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as name:
        clones = [_ready(Path(name) / str(number), one) for number, one in enumerate(revisions)]
        with waiting("pushing without a change"):
            rounds = [_push(clones, "nothing") for _ in range(given.rounds)]
            quiet = [_median(rounds), _push(clones, "README.md", {"README.md": "Only words.\n"})]
        with waiting("building and testing by hand"):
            by_hand = _by_hand(engine, clones[0], given.tests)
        with waiting("pushing a changed source file"):
            for clone in clones:
                touch_source(load(clone.root), clone.root)
            pushes = [*quiet, _push(clones, "one source file")]
    if given.json:
        print_json({"pushes": [asdict(one) for one in pushes], "by_hand": asdict(by_hand)})
    else:
        _show(pushes, by_hand)


def _ready(folder: Path, revision: str) -> Clone:
    """Return a clone as in daily use: linters have caches, and gates receipts after a push."""
    folder.mkdir()
    clone = Clone(folder, revision)
    command.run([sys.executable, "-m", "nox", "--session", "lint"], cwd=clone.root)
    with _state(clone):
        command.run([sys.executable, "-m", "benchmarks.hook", "--receipts"], cwd=clone.root)
    _timed(clone)
    return clone


def _state(clone: Clone) -> AbstractContextManager[object]:
    """Give the clone's processes a state folder: two revisions with the same gates would share receipts."""
    return patch.dict(os.environ, XDG_STATE_HOME=str(clone.root.parent / "state"))


def _receipts(engine: Engine, folder: Path) -> None:
    """Write receipts for a commit, as if every gate of the hook had passed."""
    project = load(folder)
    tools = {BASE: bases.resolve(engine, project).digest}
    for one in due(project, contents(folder, "HEAD"), watched()):
        verdict = Verdict(one.gate.name, Outcome.PASSED, "as before")
        Receipts().write(one.defined, verdict, content=one.inputs, image="", tools=tools)


def _push(clones: Sequence[Clone], change: str, files: dict[str, str] | None = None) -> Pushed:
    """Commit all changes, push them with each clone's hook, and push the same again without one."""
    for clone in clones:
        clone.commit(change, files)
    (seconds, said), *earlier = [_timed(clone) for clone in clones]
    clones[0].commit("the same again")
    without, _ = _timed(clones[0], "--no-verify")
    gates = {name: float(took) for name, took in JUDGED.findall(said)}
    return Pushed(change, seconds, without, gates, *(took for took, _ in earlier))


def _timed(clone: Clone, *options: str) -> tuple[float, str]:
    began = time.perf_counter()
    with _state(clone):
        done = clone.push(*options)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"the push was refused:\n{done.stdout}")
    return seconds, done.stdout


def _median(pushes: Sequence[Pushed]) -> Pushed:
    seconds = statistics.median(one.seconds for one in pushes)
    without = statistics.median(one.without for one in pushes)
    earlier = [one.earlier for one in pushes if one.earlier is not None]
    return Pushed(pushes[0].change, seconds, without, {}, statistics.median(earlier) if earlier else None)


def _by_hand(engine: Engine, clone: Clone, chosen: Sequence[str]) -> ByHand:
    project = load(clone.root)
    base = bases.resolve(engine, project, say=silent).reference
    name = f"{IMAGE}-{uuid.uuid4().hex[:12]}"
    bundle = ca_bundle()
    options = [f"--build-arg=PYTHON_IMAGE={base}"]
    options += [f"--secret=id=ca,src={bundle}"] if bundle else []

    def docker(*args: str) -> float:
        began = time.perf_counter()
        done = command.run(["docker", *args], cwd=clone.root, env=engine.environment, check=False)
        if done.code != 0:
            raise SystemExit(f"`docker {args[0]}` exited with {done.code}:\n{done.stdout}{done.stderr}")
        return time.perf_counter() - began

    def build(target: str, tag: str) -> float:
        return docker("build", f"--target={target}", f"--tag={name}:{tag}", *options, ".")

    try:
        build("test", "before")
        touch_source(project, clone.root)
        production, tests = build("production", "production"), build("test", "test")
        tests += docker("run", "--rm", "--read-only", "--tmpfs=/tmp", f"{name}:test", *chosen)
        return ByHand(production, tests)
    finally:
        subprocess.run(["git", "checkout", "--quiet", "."], cwd=clone.root, check=True)
        remove_repository(engine, name)


def _show(pushes: Sequence[Pushed], by_hand: ByHand) -> None:
    rows = [
        (
            one.change,
            f"{one.seconds:.1f}",
            f"{one.without:.1f}",
            *([] if one.earlier is None else [f"{one.earlier:.1f}"]),
            ", ".join(f"{name} {took:.1f}" for name, took in one.gates.items()) or "none",
        )
        for one in pushes
    ]
    earlier = [] if pushes[0].earlier is None else ["the earlier hook"]
    titles = ("changed", "push, seconds", "without the hook", *earlier, "gates that judged")
    table(console(), titles, rows, right=range(1, len(titles) - 1))
    both = by_hand.build + by_hand.tests
    console().print(
        f"by hand for a changed source file: {by_hand.build:.1f} s of docker build, "
        f"{by_hand.tests:.1f} s of its tests; the push takes {pushes[-1].seconds / both:.2f} of both"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
