"""Measure the images and their builds: production and slim against the plain baseline, in one run.

All three are built from the last commit, in turn, round by round: without any cache (cold), after a change of
one source file, and after a change of the lock file that pins the same versions. The result is the median.
The user's caches and images stay untouched: cold builds have separate cache mounts, and the images have
separate references, which `invoke clean` removes.

    ./run python -m benchmarks.images             takes about ten minutes on two cores
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import NAMES, Contenders, contenders
from benchmarks.figures import BASELINE, Figure, Goal, narrator, parser, show
from benchmarks.service import MEMORY, READY, migrated
from benchmarks.starts import Start, start
from drydock import image as images
from drydock.gates.build_cache import touch_lock, touch_source
from drydock.progress import Say
from drydock.project import Project
from drydock.project.compression import Compression
from drydock.report import MB
from tests.support.systems import systems


@dataclass(frozen=True)
class Scenario:
    """One kind of build.

    Args:
        goal: Production's maximum, as a ratio to the baseline's seconds.
        cold: Without any cache.
        change: Made in the checkout before the build.
    """

    name: str
    goal: Goal
    cold: bool = False
    change: Callable[[Project, Path], None] | None = None


SCENARIOS = (
    Scenario("cold build", Goal(1.15), cold=True),
    Scenario("build after a change of source", Goal(1.0), change=touch_source),
    Scenario("build after a change of dependencies", Goal(1.1), change=touch_lock),
)
SIZE = Goal(0.5)
# Swagger UI's files for use without the internet; stored compressed, so as large on the wire.
DOCS = "/todo_api/static/"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with contenders(say) as built:
        # Before the measurement: the base image, and caches for the warm builds.
        ids = {name: built.build(name).image_id for name in NAMES}
        figures = [
            *_sizes(built, ids, say),
            *_builds(built, options.rounds, say),
            *(_starts(built, ids, options.starts, say) if options.starts else ()),
        ]
    return show("images", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="builds of each kind (3; 0 for none)"
    )
    made.add_argument(
        "--starts", type=int, default=5, metavar="N", help="starts of each image (5; 0 for none)"
    )
    return made.parse_args(arguments)


def _sizes(built: Contenders, ids: Mapping[str, str], say: Say) -> list[Figure]:
    """Measure every image on disk, and its layers on the wire."""
    say("weighing")

    def weighed(wire: str) -> dict[str, images.Image]:
        compression = Compression.parse(wire)
        return {
            name: images.read(built.ours.engine, one, compression=compression) for name, one in ids.items()
        }

    zstd, gzip = weighed("zstd"), weighed("gzip")
    pushed = zstd | {BASELINE: gzip[BASELINE]}
    return [
        Figure("on disk", "MB", {name: one.on_disk / MB for name, one in gzip.items()}, SIZE),
        Figure("of it the page at /docs", "MB", {name: _below(one, DOCS) / MB for name, one in gzip.items()}),
        Figure(
            "on the wire: ours by invoke push (zstd), the baseline by docker push (gzip)",
            "MB",
            {name: one.on_wire / MB for name, one in pushed.items()},
            SIZE,
        ),
        Figure("on the wire: all with gzip", "MB", {name: one.on_wire / MB for name, one in gzip.items()}),
        Figure("on the wire: all with zstd", "MB", {name: one.on_wire / MB for name, one in zstd.items()}),
    ]


def _below(image: images.Image, folder: str) -> int:
    """Return the bytes of an image's files below a folder."""
    return sum(file.size for path, file in images.Anatomy(image).tree.items() if folder in path)


def _builds(built: Contenders, rounds: int, say: Say) -> list[Figure]:
    """Build every image in each way, starting each round with another one."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for scenario in SCENARIOS:
        for number in range(rounds):
            say(f"{scenario.name}, round {number + 1} of {rounds}")
            turn = number % len(NAMES)
            for name in (*NAMES[turn:], *NAMES[:turn]):
                result = built.build(name, cold=scenario.cold, change=scenario.change)
                seconds.setdefault((scenario.name, name), []).append(result.seconds)
    return [
        Figure(
            scenario.name,
            "s",
            {name: statistics.median(seconds[scenario.name, name]) for name in NAMES},
            scenario.goal,
        )
        for scenario in SCENARIOS
        if rounds
    ]


def _starts(built: Contenders, ids: Mapping[str, str], count: int, say: Say) -> list[Figure]:
    """Start all images in turn, among the servers of a production start."""
    found: dict[str, list[Start]] = {name: [] for name in ids}
    with systems(built.ours.engine, ids[NAMES[0]]) as neighbourhood:
        environment = migrated(neighbourhood) | {"CHAT_PRELOAD": "0"}
        account = neighbourhood.account()
        for number in range(count):
            say(f"start {number + 1} of {count}")
            for name, image_id in ids.items():
                found[name].append(start(neighbourhood, image_id, environment, account))

    def median(of: Callable[[Start], float]) -> dict[str, float]:
        return {name: statistics.median(map(of, starts)) for name, starts in found.items()}

    return [
        Figure("from docker run to ready", "s", median(lambda one: one.ready), READY),
        Figure("memory when ready", "MB", median(lambda one: one.memory_ready / MB), MEMORY),
        Figure("memory after the first chat turn", "MB", median(lambda one: one.memory_chat / MB)),
    ]


if __name__ == "__main__":
    sys.exit(main())
