"""Measure builds: production and slim against the plain baseline, and whole commands without a change.

The images are built from the last commit, in turn, round by round: without any cache (cold), after a change
of one source file, and after a change of the lock file that pins the same versions. Then `drydock build` and
the baseline's `docker build` run as whole processes: with nothing to do, and after a change of one source
file. The result is the median. The user's
caches and images stay untouched: cold builds have separate cache mounts, and the images separate references.

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

from benchmarks.contenders import NAMES, Contenders, code_of, contenders
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
from drydock.gates.build_cache import touch_lock, touch_source
from drydock.progress import Say
from drydock.project import Project
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
# The name of the images that whole commands build.
IMAGE = "drydock-benchmark-builds"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with contenders(say) as built:
        for name in NAMES:  # the base image, and caches for the warm builds
            built.build(name)
        figures = [
            *_builds(built, options.only, options.rounds, say),
            *(_commands(built, options.commands, options.against, say) if options.commands else ()),
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


def _commands(built: Contenders, count: int, against: str | None, say: Say) -> list[Figure]:
    """Run the commands in turn, each as a user would: without a change, and after one of source."""
    project = built.ours.project
    settings = project.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace(f'image = "{project.image}"', f'image = "{IMAGE}"'))
    build = (sys.executable, "-m", "drydock.cli", "build", "--quiet", "--project", str(project.root))
    plain = ("docker", "build", "--quiet", f"--tag={IMAGE}:{BASELINE}", str(built.plain))
    with ExitStack() as stack:
        stack.callback(remove_repository, built.ours.engine, IMAGE)
        runs: dict[str, tuple[Sequence[str], Path]] = {PRODUCTION: (build, project.root)}
        if against:
            runs[EARLIER] = (build, stack.enter_context(code_of(against)))
        runs[BASELINE] = ((*plain, f"--build-arg=PYTHON_IMAGE={built.ours.base.reference}"), built.plain)
        environment = built.ours.engine.environment

        def build_changed(name: str) -> float:
            touch_source(project, built.plain if name == BASELINE else project.root)
            return seconds_of(*runs[name], environment)

        commands = {name: partial(seconds_of, *run, environment) for name, run in runs.items()}
        unchanged = in_turn(commands, count, "whole commands without a change", say)
        commands = {name: partial(build_changed, name) for name in runs}
        changed = in_turn(commands, count, "whole commands after a change of source", say)
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
