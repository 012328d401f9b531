"""Load with faults: creates without a pause while PostgreSQL restarts twice and one of two workers is killed.

PostgreSQL once stops as by an administrator, and once crashes; each time it stays away for 1.5 s. Every
create that was answered with 201 must be in the database afterwards. While the database is away the answer
must be 503, never 500. No request may fail later than 5 s after the database's return or the worker's death,
including those that waited for the database.

    ./run python -m benchmarks.faults             takes a minute
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from benchmarks.contenders import contenders
from benchmarks.figures import PRODUCTION, Figure, Goal, narrator, parser, show
from benchmarks.service import migrated
from drydock.progress import Say
from tests.support import faults
from tests.support.systems import App, Systems, systems

NONE = Goal(0)
RECOVERY = Goal(5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load and its faults, print the clients' results, and return the exit code."""
    made = parser(__doc__)
    made.add_argument(
        "--pause",
        type=float,
        default=12,
        metavar="S",
        help="seconds of load before and after each fault (12)",
    )
    made.add_argument("--connections", type=int, default=64, metavar="N", help="clients (64)")
    options = made.parse_args(arguments)
    say = narrator()
    with contenders(say) as built:
        image = built.build(PRODUCTION).image_id
        with systems(built.ours.engine, image) as found:
            environment = migrated(found) | {"WEB_CONCURRENCY": "2"}
            with found.app(environment) as app:
                figures = _measure(found, app, options.pause, options.connections, say)
    return show("load with faults", figures, options)


def _measure(found: Systems, app: App, pause: float, connections: int, say: Say) -> list[Figure]:
    planned = (
        faults.Fault("restart of PostgreSQL", partial(faults.restart, found.postgres)),
        faults.Fault("death of a worker", partial(faults.kill_worker, app)),
        faults.Fault("crash of PostgreSQL", partial(faults.crash, found.postgres)),
    )
    account = found.account()
    say(f"load on {connections} connections, and {len(planned)} faults with {pause:g} s around each")
    outcome = faults.run(
        app,
        account,
        [replace(fault, happen=partial(_told, fault, say)) for fault in planned],
        pause=pause,
        connections=connections,
    )
    lost = faults.lost(found, account, "benchmark", outcome)
    wrong = sum(count for status, count in outcome.statuses.items() if status not in (201, 503))

    def figure(name: str, unit: str, value: float, goal: Goal | None = None) -> Figure:
        return Figure(name, unit, {PRODUCTION: value}, goal)

    return [
        figure("creates acknowledged (201)", "", len(outcome.acknowledged)),
        figure("acknowledged creates that are lost", "", len(lost), NONE),
        figure("answers 500", "", outcome.statuses[500], NONE),
        figure("answers other than 201 and 503", "", wrong, NONE),
        figure("answers 503", "", outcome.statuses[503]),
        figure("connections that ended without an answer", "", outcome.broken),
        figure("workers at the end", "", len(app.workers()), Goal(2, least=True)),
        *(
            figure(f"recovery after the {fault.name}", "s", outcome.recovery(fault.name), RECOVERY)
            for fault in planned
        ),
    ]


def _told(fault: faults.Fault, say: Say) -> float:
    say(fault.name)
    return fault.happen()


if __name__ == "__main__":
    sys.exit(main())
