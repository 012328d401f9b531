"""Compare starts with bytecode of the measured modules only, and with bytecode of every module.

Both images contain the same application of the last commit; the second is built without the profile.
They start in turn among the servers of a production start, and each round begins with the other one.
The result is the median of the rounds' ratios: within a round both run on an equally busy machine.

    ./run python -m benchmarks.bytecode           takes about four minutes on two cores
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.contenders import CHANNEL, contenders
from benchmarks.figures import PRODUCTION, Figure, Goal, narrator, parser, show
from benchmarks.service import migrated
from benchmarks.starts import Start, start
from drydock import image as images
from drydock.build import Options, build
from drydock.progress import Say
from drydock.report import MB
from drydock.workspace import Workspace
from tests.support.systems import systems

EVERYTHING = "everything compiled"
PROFILE = "backend/image/bytecode.txt"
# No worse: the rest is the difference between two runs of the same image.
READY = Goal(1.02)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with contenders(say) as built:
        ids = {PRODUCTION: built.build(PRODUCTION).image_id, EVERYTHING: _everything(built.ours)}
        figures = [*_sizes(built.ours, ids), *_starts(built.ours, ids, options.starts, say)]
    return show("bytecode", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--starts", type=int, default=10, metavar="N", help="starts of each image (10)")
    return made.parse_args(arguments)


def _everything(ours: Workspace) -> str:
    """Build production without the list of measured modules, so that all modules get bytecode."""
    (ours.project.root / PROFILE).unlink()
    dockerfile = ours.project.root / "Dockerfile"
    lines = dockerfile.read_text(encoding="utf-8").splitlines(keepends=True)
    dockerfile.write_text("".join(line for line in lines if "bytecode.txt" not in line), encoding="utf-8")
    ours.say(f"building {PRODUCTION}, {EVERYTHING}")
    reference = ours.project.reference(PRODUCTION, f"{CHANNEL}-everything-compiled")
    return build(ours.engine, ours.project, ours.options(Options(PRODUCTION, reference))).image_id


def _sizes(ours: Workspace, ids: Mapping[str, str]) -> list[Figure]:
    found = {
        name: images.read(ours.engine, one, compression=ours.project.compression) for name, one in ids.items()
    }
    return [
        Figure("on disk", "MB", {name: one.on_disk / MB for name, one in found.items()}, against=EVERYTHING),
        Figure(
            "on the wire", "MB", {name: one.on_wire / MB for name, one in found.items()}, against=EVERYTHING
        ),
    ]


def _starts(ours: Workspace, ids: Mapping[str, str], count: int, say: Say) -> list[Figure]:
    found: dict[str, list[Start]] = {name: [] for name in ids}
    with systems(ours.engine, ids[PRODUCTION]) as neighbourhood:
        environment = migrated(neighbourhood)
        account = neighbourhood.account()
        for number in range(count):
            say(f"start {number + 1} of {count}")
            for name in list(ids)[:: 1 if number % 2 else -1]:
                found[name].append(start(neighbourhood, ids[name], environment, account))

    def paired(name: str, unit: str, of: Callable[[Start], float], goal: Goal | None = None) -> Figure:
        ours, all_compiled = (list(map(of, found[one])) for one in (PRODUCTION, EVERYTHING))
        scale = statistics.median(all_compiled)
        ratio = statistics.median(one / other for one, other in zip(ours, all_compiled, strict=True))
        return Figure(name, unit, {PRODUCTION: ratio * scale, EVERYTHING: scale}, goal, EVERYTHING)

    return [
        paired("from docker run to ready", "s", lambda one: one.ready, READY),
        paired("processor time until ready", "s", lambda one: one.processor_ready),
        paired("memory when ready", "MB", lambda one: one.memory_ready / MB),
        paired("first chat turn", "s", lambda one: one.first_turn),
    ]


if __name__ == "__main__":
    sys.exit(main())
