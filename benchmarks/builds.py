"""Measure builds: production and slim against the plain baseline, and whole commands without a change.

The images are built from the last commit, in turn, round by round: without any cache (cold), after a change
of one source file, and after a change of the lock file that pins the same versions. Then `drydock build` and
the baseline's `docker build` run as whole processes: with nothing to do, and after a change of one source
file. The result is the median.

An engine's past builds change the figures, so an engine with an empty store starts beside the machine's own,
with the same base image. This requires root and a dockerd. Its data is in `--place`, and removed at the end.

With `--against REVISION` the whole command of that revision runs in turn with this one's.

    ./run python -m benchmarks.builds             takes about six minutes on two cores
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import machines
from benchmarks.contenders import CHANNEL, NAMES, Contenders, code_of, contenders
from benchmarks.figures import (
    BASELINE,
    EARLIER,
    PRODUCTION,
    Figure,
    Goal,
    in_turn,
    narrator,
    parser,
    seconds_of,
    show,
)
from benchmarks.machines import Machine
from drydock.detect.project import load
from drydock.engine import connect
from drydock.gates.build_cache import touch_lock, touch_source
from drydock.progress import Say
from drydock.project import Project
from tests.support.clone import ROOT
from tests.support.images import remove_repository


@dataclass(frozen=True)
class Scenario:
    """One kind of build.

    Args:
        word: For `--only`.
        goal: Production's maximum, as a ratio to the baseline's seconds.
        cold: Without any cache.
        change: Made in the checkout before the build.
    """

    word: str
    name: str
    goal: Goal
    cold: bool = False
    change: Callable[[Project, Path], None] | None = None


SCENARIOS = (
    Scenario("cold", "cold build", Goal(1.1), cold=True),
    Scenario("source", "build after a change of source", Goal(0.9), change=touch_source),
    Scenario("dependencies", "build after a change of dependencies", Goal(1.0), change=touch_lock),
)
UNCHANGED_SECONDS = Goal(0.7)
# The name of the images that whole commands build on the machine's own engine.
IMAGE = "drydock-benchmark-builds"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with ExitStack() as stack:
        place = stack.enter_context(machines.folder(options.place, say))
        machine = (
            Machine(connect(), place / "home")
            if options.here
            else stack.enter_context(machines.started(place / "engine", load(ROOT), say))
        )
        built = stack.enter_context(contenders(say, machine.engine))
        if options.here:
            _spare_the_users_images(built, stack)
        for name in NAMES:  # the base image, and caches for the warm builds
            built.build(name)
        figures = [
            *_builds(built, options.only, options.rounds, say),
            *(_commands(built, machine, options.commands, options.against, say) if options.commands else ()),
        ]
    return show("builds", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="builds of each kind (3; 0 for none)"
    )
    made.add_argument(
        "--only",
        action="append",
        choices=[one.word for one in SCENARIOS],
        help="one kind; repeat it for more",
    )
    made.add_argument(
        "--commands", type=int, default=7, metavar="N", help="whole commands of each kind (7; 0 for none)"
    )
    made.add_argument("--against", metavar="REVISION", help="run this revision's command, too")
    machines.add_place(made)
    made.add_argument(
        "--here",
        action="store_true",
        help="use the machine's own engine: needs no root, but its past builds change the figures",
    )
    return made.parse_args(arguments)


def _builds(built: Contenders, only: Sequence[str] | None, rounds: int, say: Say) -> list[Figure]:
    """Build every image in each way, starting each round with another one."""
    seconds: dict[tuple[str, str], list[float]] = {}
    chosen = [one for one in SCENARIOS if not only or one.word in only]
    for scenario in chosen:
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
        for scenario in chosen
        if rounds
    ]


def _spare_the_users_images(built: Contenders, stack: ExitStack) -> None:
    """Give the images of whole commands a name of their own, and remove them at the end."""
    project = built.ours.project
    settings = project.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace(f'image = "{project.image}"', f'image = "{IMAGE}"'))
    stack.callback(remove_repository, built.ours.engine, IMAGE)


def _commands(built: Contenders, machine: Machine, count: int, against: str | None, say: Say) -> list[Figure]:
    """Run the commands in turn, each as a user would: without a change, and after one of source."""
    project = built.ours.project
    argument = f"--build-arg=PYTHON_IMAGE={built.ours.base.reference}"
    tag = f"--tag={project.reference(BASELINE, CHANNEL)}"
    plain = ("docker", "build", "--quiet", tag, argument, str(built.plain))
    with ExitStack() as stack:
        runs = {PRODUCTION: partial(machine.build, project.root, project.root)}
        if against:
            runs[EARLIER] = partial(machine.build, project.root, stack.enter_context(code_of(against)))
        runs[BASELINE] = partial(seconds_of, plain, built.plain, machine.environment)

        def build_changed(name: str) -> float:
            touch_source(project, built.plain if name == BASELINE else project.root)
            return runs[name]()

        unchanged = in_turn(runs, count, "whole commands without a change", say)
        changing = {name: partial(build_changed, name) for name in runs}
        changed = in_turn(changing, count, "whole commands after a change of source", say)
    return [*_compared("unchanged", unchanged, UNCHANGED_SECONDS), *_compared("changed", changed, None)]


def _compared(kind: str, seconds: Mapping[str, float], goal: Goal | None) -> list[Figure]:
    name = f"{kind} `drydock build`, the whole process"
    ours = {PRODUCTION: seconds[PRODUCTION]}
    pairs = [
        Figure(f"{name}, to {what}", "s", {**ours, other: seconds[other]}, against=other)
        for other, what in ((BASELINE, "`docker build`"), (EARLIER, "the earlier revision's"))
        if other in seconds
    ]
    return [Figure(name, "s", ours, goal), *pairs]


if __name__ == "__main__":
    sys.exit(main())
