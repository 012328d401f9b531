"""Load on the service while what it stands on fails: PostgreSQL restarts, a worker dies."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

from tests.support.postgres import Postgres
from tests.support.systems import Account, App, Systems

# Seconds that PostgreSQL stays away.
OUTAGE_SECONDS = 1.5
# Clients that are refused come back a little later, as Retry-After tells them to.
BACK_OFF_SECONDS = 0.1
REQUEST_SECONDS = 30.0
CREATED = 201


@dataclass(frozen=True)
class Fault:
    """Something that fails during the load.

    Args:
        name: What it is called.
        at: Seconds after the load's beginning.
        happen: Makes it fail; returns the moment from which the service has to recover by itself, in seconds
            of the monotonic clock.
    """

    name: str
    at: float
    happen: Callable[[], float]


@dataclass(frozen=True)
class Spell:
    """The time after one fault.

    Args:
        begin: When the service began to recover; seconds of the monotonic clock, as all moments here.
        end: When the next fault began, or the load ended.
    """

    begin: float
    end: float


@dataclass(frozen=True)
class Answer:
    """One request: when it was sent, when it ended, and whether its task was acknowledged."""

    sent: float
    ended: float
    good: bool


@dataclass
class Outcome:
    """What the clients saw.

    Args:
        acknowledged: Ids of the tasks whose creation was answered with 201.
        statuses: How often each status came.
        broken: How often a connection ended without an answer.
        answers: Every request, in the order in which they ended.
        spells: The time after each fault, by the fault's name.
    """

    acknowledged: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    answers: list[Answer] = field(default_factory=list)
    spells: dict[str, Spell] = field(default_factory=dict)

    def recovery(self, fault: str) -> float:
        """Return the seconds from a fault until one request had succeeded and the last failure had ended."""
        spell = self.spells[fault]
        after = [answer for answer in self.answers if spell.begin <= answer.ended < spell.end]
        first_good = min((answer.ended for answer in after if answer.good), default=float("inf"))
        last_bad = max((answer.ended for answer in after if not answer.good), default=spell.begin)
        return max(first_good, last_bad) - spell.begin


def restart(postgres: Postgres) -> float:
    """Stop PostgreSQL as an administrator does, and start it again."""
    postgres.stop()
    time.sleep(OUTAGE_SECONDS)
    postgres.start()
    return time.monotonic()


def crash(postgres: Postgres) -> float:
    """End PostgreSQL without a shutdown; at its start it recovers what was committed."""
    postgres.kill()
    time.sleep(OUTAGE_SECONDS)
    postgres.start()
    return time.monotonic()


def kill_worker(app: App) -> float:
    """Kill one of the worker processes."""
    victim = min(app.workers())
    moment = time.monotonic()
    app.run("python3", "-c", f"import os, signal; os.kill({victim}, signal.SIGKILL)")
    return moment


def run(app: App, account: Account, faults: Sequence[Fault], *, seconds: float, connections: int) -> Outcome:
    """Create tasks without a pause on many connections, while one fault after another happens.

    Args:
        app: The service.
        account: Whose tasks are created.
        faults: What happens, in the order of time; far enough apart that the service recovers in between.
        seconds: How long, in all.
        connections: How many clients, each with a connection of its own.
    """
    return asyncio.run(_run(app, account, faults, seconds, connections))


async def _run(
    app: App, account: Account, faults: Sequence[Fault], seconds: float, connections: int
) -> Outcome:
    outcome = Outcome()
    began = time.monotonic()
    numbers = itertools.count()
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)

    async def create(client: httpx2.AsyncClient) -> None:
        while time.monotonic() - began < seconds:
            sent = time.monotonic()
            try:
                answer = await client.post("/tasks", json={"title": f"write {next(numbers)}"})
            except httpx2.TransportError:
                outcome.broken += 1
                outcome.answers.append(Answer(sent, time.monotonic(), False))
                await asyncio.sleep(BACK_OFF_SECONDS)
                continue
            good = answer.status_code == CREATED
            outcome.statuses[answer.status_code] += 1
            outcome.answers.append(Answer(sent, time.monotonic(), good))
            if good:
                outcome.acknowledged.append(answer.json()["id"])
            else:
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def happen() -> None:
        begins = [*(began + fault.at for fault in faults), began + seconds]
        for fault, begin, end in zip(faults, begins, begins[1:], strict=False):
            await asyncio.sleep(max(0.0, begin - time.monotonic()))
            outcome.spells[fault.name] = Spell(await asyncio.to_thread(fault.happen), end)

    async with httpx2.AsyncClient(
        base_url=f"{app.url}/api/{account.user.id}",
        headers={"Authorization": f"Bearer {account.token}"},
        timeout=REQUEST_SECONDS,
        limits=limits,
        trust_env=False,
    ) as client:
        await asyncio.gather(happen(), *(create(client) for _ in range(connections)))
    return outcome


def lost(systems: Systems, account: Account, database: str, outcome: Outcome) -> set[int]:
    """Return the acknowledged tasks that are not in the database."""
    rows = systems.postgres.run("SELECT id FROM tasks WHERE user_id = %s", account.user.id, database=database)
    return set(outcome.acknowledged) - {number for (number,) in rows}
