"""Measure the running service: production against the plain baseline, in one run and on one database.

Both images contain the same application of the last commit. Each starts several times in turn, to measure
memory and the seconds from `docker run` to ready. Load has two more contenders, in the baseline's image: a
plain FastAPI handler and Starlette with psycopg by hand (benchmarks/baseline), both with the least code that
lists and creates tasks. All run at once and get load in turn, with one worker each and no rate limit.
Each figure is the median, for load the median of the rounds' ratios. On a busy machine processor time is more
reliable than seconds. The model answers a chat turn at once, so the turn's time is the service's own.

With `--against REVISION` chat has a third contender: production's image with that revision's application.

    ./run python -m benchmarks.service            takes about seven minutes on two cores
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, replace

from benchmarks.contenders import application_of, contenders
from benchmarks.figures import (
    BASELINE,
    BY_HAND,
    EARLIER,
    PLAIN,
    PRODUCTION,
    BenchmarkFailed,
    Figure,
    Goal,
    narrator,
    parser,
    show,
)
from benchmarks.load import load
from benchmarks.starts import Start, start, usage
from drydock.progress import Say
from drydock.report import MB
from tests.support.model import Says
from tests.support.systems import READY as READY_PATH
from tests.support.systems import Account, App, Systems, systems

READY = Goal(0.6)
MEMORY = Goal(0.8)
RATE = Goal(1.0, least=True)
# Processor time of a request, over that of the plain handler and of the one by hand.
OF_PLAIN = Goal(0.52)
OF_BY_HAND = Goal(2.0)
OF_EARLIER = Goal(0.5)
LISTED_TASKS = 50


@dataclass(frozen=True)
class Operation:
    """A request to repeat under load."""

    name: str
    method: str
    body: str = ""
    path: str = "/tasks"
    contenders: tuple[str, ...] = (PRODUCTION, BASELINE, PLAIN, BY_HAND)


@dataclass(frozen=True)
class Round:
    """One image under load for one round.

    Args:
        rate: Answers a second.
        p99: Seconds within which 99 of 100 answers came.
        processor: Seconds of the server's processor time for each request.
    """

    rate: float
    p99: float
    processor: float


LIST = Operation("list tasks", "GET")
CREATE = Operation("create task", "POST", json.dumps({"title": "Scrape the barnacles"}))
TURN = Operation(
    "chat turn", "POST", json.dumps({"message": "Ready?"}), "/chat", (PRODUCTION, BASELINE, EARLIER)
)
OPERATIONS = (LIST, CREATE, TURN)
# The programs of the baseline's image beside the application.
SERVE = ("--host", "0.0.0.0", "--port", "8000", "--no-access-log")  # noqa: S104 - the container's own
APPLICATION = "/app/todo_api"
PROGRAMS = {PLAIN: "plain:app", BY_HAND: "by_hand:app"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with contenders(say) as built:
        images = {name: built.build(name).image_id for name in (PRODUCTION, BASELINE)}
        with systems(built.ours.engine, images[PRODUCTION]) as found:
            environment = migrated(found)
            figures = [
                *(_starts(found, images, environment, options.starts, say) if options.starts else ()),
                *(_loads(found, images, environment, options, say) if options.rounds else ()),
            ]
    return show("service", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument(
        "--starts", type=int, default=5, metavar="N", help="starts of each image (5; 0 for none)"
    )
    made.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds of load (7; 0 for none)")
    made.add_argument(
        "--seconds",
        type=int,
        default=2,
        metavar="S",
        help="seconds of each load, twenty times in a round (2)",
    )
    made.add_argument("--against", metavar="REVISION", help="measure chat against this revision, too")
    return made.parse_args(arguments)


def migrated(found: Systems) -> dict[str, str]:
    """Create a database with the schema and return the settings of a production start on it."""
    environment = found.environment(found.postgres.create_database("benchmark"))
    code, log = found.run_to_end(environment, "migrate")
    if code != 0:
        raise BenchmarkFailed(f"the database cannot be migrated:\n{log}")
    return environment | {"RUN_MIGRATIONS": "0", "LOG_LEVEL": "WARNING"}


def _starts(
    found: Systems, images: Mapping[str, str], environment: Mapping[str, str], count: int, say: Say
) -> list[Figure]:
    """Start each image in turn, with the agent loaded as usual or only at the first chat."""
    account = found.account()
    usual: dict[str, list[Start]] = {name: [] for name in images}
    lazy: dict[str, list[Start]] = {name: [] for name in images}
    for number in range(count):
        for name, image in images.items():
            say(f"start {number + 1} of {count}: {name}")
            usual[name].append(start(found, image, environment, account))
            lazy[name].append(start(found, image, {**environment, "CHAT_PRELOAD": "0"}, account))

    def median(runs: Mapping[str, list[Start]], of: Callable[[Start], float]) -> dict[str, float]:
        return {name: statistics.median(map(of, starts)) for name, starts in runs.items()}

    return [
        Figure("from docker run to ready", "s", median(usual, lambda one: one.ready), READY),
        Figure("processor time until ready", "s", median(usual, lambda one: one.processor_ready)),
        Figure("memory when ready", "MB", median(usual, lambda one: one.memory_ready / MB), MEMORY),
        Figure("memory at rest", "MB", median(usual, lambda one: one.memory_rest / MB), MEMORY),
        Figure(
            "memory after the first signed-in request", "MB", median(usual, lambda one: one.memory_used / MB)
        ),
        Figure("memory after the first chat turn", "MB", median(usual, lambda one: one.memory_chat / MB)),
        Figure("first chat turn, after another request", "s", median(usual, lambda one: one.first_turn)),
        Figure("first chat turn, CHAT_PRELOAD=0", "s", median(lazy, lambda one: one.first_turn)),
    ]


def _loads(
    found: Systems,
    images: Mapping[str, str],
    environment: Mapping[str, str],
    options: argparse.Namespace,
    say: Say,
) -> list[Figure]:
    """Put every contender under load in turn, so that the machine's other work affects all equally."""
    accounts = {LIST: found.account(), CREATE: found.account(), TURN: found.account()}
    found.model.will(then=Says("Aye."))
    rounds: dict[tuple[str, str], list[Round]] = {}
    with _running(found, images, environment, options.against) as apps:
        with apps[PRODUCTION].api(accounts[LIST]) as api:
            for number in range(LISTED_TASKS):
                api.post("/tasks", json={"title": f"task {number}"}).raise_for_status()
        for number in range(-1, options.rounds):
            # The first round only warms up; each later one begins at the other end. Every round goes there
            # and back, because the database grows in between.
            for operation, account in accounts.items():
                there = tuple(name for name in operation.contenders if name in apps)
                names = there if number % 2 else there[::-1]
                say(f"load, round {number + 1} of {options.rounds}: {operation.name}")
                halves: dict[str, list[Round]] = {name: [] for name in names}
                for name in (*names, *names[::-1]):
                    halves[name].append(_load(apps[name], account, operation, options.seconds))
                for name, both in halves.items():
                    if number >= 0:
                        rounds.setdefault((operation.name, name), []).append(_mean(both))
    return [
        figure
        for operation in OPERATIONS
        for figure in (
            _paired("rate", "1/s", rounds, operation, BASELINE, RATE),
            _paired("processor time", "ms", rounds, operation, BASELINE),
            *(
                (
                    _paired("processor time", "ms", rounds, operation, PLAIN, OF_PLAIN),
                    _paired("processor time", "ms", rounds, operation, BY_HAND, OF_BY_HAND),
                )
                if PLAIN in operation.contenders
                else ()
            ),
            *(
                (_paired("processor time", "ms", rounds, operation, EARLIER, OF_EARLIER),)
                if (operation.name, EARLIER) in rounds
                else ()
            ),
            _paired("p99", "ms", rounds, operation, BASELINE),
        )
    ]


@contextmanager
def _running(
    found: Systems, images: Mapping[str, str], environment: Mapping[str, str], earlier: str | None
) -> Iterator[dict[str, App]]:
    with ExitStack() as stack:
        apps = {}
        for name in (PRODUCTION, BASELINE, *PROGRAMS, *([EARLIER] if earlier else [])):
            image = images[PRODUCTION if name in (PRODUCTION, EARLIER) else BASELINE]
            command = ("uvicorn", PROGRAMS[name], *SERVE) if name in PROGRAMS else ()
            mounts = {}
            if name == EARLIER and earlier:
                mounts[APPLICATION] = str(stack.enter_context(application_of(earlier)))
            contender = replace(found, image=image)
            apps[name] = stack.enter_context(contender.container(environment, command=command, mounts=mounts))
        for app in apps.values():
            app.running.wait_until_ready(READY_PATH)
        yield apps


def _load(app: App, account: Account, operation: Operation, seconds: int) -> Round:
    """Make load and measure its cost to the server: processor time is more reliable on a busy machine."""
    path = f"/api/{account.user.id}{operation.path}"
    _, before = usage(app)
    made = load(app.url, account.token, operation.method, path, seconds, operation.body)
    _, after = usage(app)
    if not made.requests:
        raise BenchmarkFailed(f"{path} answered nothing within {seconds} s; give it more with --seconds")
    if made.failed:
        raise BenchmarkFailed(f"{made.failed} requests to {path} failed:\n{app.running.log()}")
    return Round(made.rate, made.p99, (after - before) / made.requests)


def _mean(rounds: Sequence[Round]) -> Round:
    return Round(*(statistics.fmean(values) for values in zip(*map(astuple, rounds), strict=True)))


MEASURES: Mapping[str, Callable[[Round], float]] = {
    "rate": lambda one: one.rate,
    "p99": lambda one: one.p99 * 1000,
    "processor time": lambda one: one.processor * 1000,
}


def _paired(
    measure: str,
    unit: str,
    rounds: Mapping[tuple[str, str], list[Round]],
    operation: Operation,
    against: str,
    goal: Goal | None = None,
) -> Figure:
    """Compare within each round, on an equally busy machine; the other's median is the scale."""
    of = MEASURES[measure]
    ours, others = (list(map(of, rounds[operation.name, one])) for one in (PRODUCTION, against))
    scale = statistics.median(others)
    ratio = statistics.median(one / other for one, other in zip(ours, others, strict=True))
    name = f"{operation.name}: {measure}"
    return Figure(name, unit, {PRODUCTION: ratio * scale, against: scale}, goal, against)


if __name__ == "__main__":
    sys.exit(main())
