"""Load on the service while its dependencies fail: PostgreSQL restarts, a worker dies."""

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

# Seconds of the outage.
OUTAGE_SECONDS = 1.5
# After a service that does not recover by then.
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.1
# Refused clients retry a little later, as Retry-After asks.
BACK_OFF_SECONDS = 0.1
REQUEST_SECONDS = 30.0
CREATED = 201


@dataclass(frozen=True)
class Fault:
    """A failure during the load.

    Args:
        happen: Causes it; returns the time at which recovery begins, in seconds of the monotonic clock.
    """

    name: str
    happen: Callable[[], float]


@dataclass(frozen=True)
class Spell:
    """The time after one fault, in seconds of the monotonic clock.

    Args:
        begin: When recovery began.
        end: When every client had been served again for some time; infinite if that did not come.
    """

    begin: float
    end: float


@dataclass(frozen=True)
class Answer:
    """One request; ``good`` if its task was acknowledged."""

    client: int
    sent: float
    ended: float
    good: bool


@dataclass
class Outcome:
    """The clients' results.

    Args:
        acknowledged: Ids of tasks answered with 201.
        statuses: Number of answers by status.
        broken: Number of connections that ended without an answer.
        answers: All requests, in the order of their ends.
        spells: The time after each fault, by its name.
    """

    acknowledged: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    answers: list[Answer] = field(default_factory=list)
    spells: dict[str, Spell] = field(default_factory=dict)

    def recovery(self, fault: str) -> float:
        """Return the seconds from a fault until one request had succeeded and the last failure had ended."""
        spell = self.spells[fault]
        if spell.end == float("inf"):
            return spell.end
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
    """Kill PostgreSQL; it recovers committed data at its next start."""
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


def run(app: App, account: Account, faults: Sequence[Fault], *, pause: float, connections: int) -> Outcome:
    """Create tasks without a pause on many connections; each fault happens once the last one is overcome.

    Args:
        account: Owner of the tasks.
        pause: Seconds without a failure before the first fault, and after each.
        connections: One for each client.
    """
    return asyncio.run(_run(app, account, faults, pause, connections))


async def _run(
    app: App, account: Account, faults: Sequence[Fault], pause: float, connections: int
) -> Outcome:
    outcome = Outcome()
    over = asyncio.Event()
    numbers = itertools.count()
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)

    async def create(client: httpx2.AsyncClient, own: int) -> None:
        while not over.is_set():
            sent = time.monotonic()
            try:
                answer = await client.post("/tasks", json={"title": f"write {next(numbers)}"})
            except httpx2.TransportError:
                outcome.broken += 1
                outcome.answers.append(Answer(own, sent, time.monotonic(), False))
                await asyncio.sleep(BACK_OFF_SECONDS)
                continue
            good = answer.status_code == CREATED
            outcome.statuses[answer.status_code] += 1
            outcome.answers.append(Answer(own, sent, time.monotonic(), good))
            if good:
                outcome.acknowledged.append(answer.json()["id"])
            else:
                await asyncio.sleep(BACK_OFF_SECONDS)

    def overcome(begin: float) -> bool:
        after = [answer for answer in outcome.answers if answer.ended >= begin]
        last_bad = max((answer.ended for answer in after if not answer.good), default=begin)
        served = {answer.client for answer in after if answer.good and answer.sent >= begin}
        return len(served) == connections and time.monotonic() - last_bad > pause

    async def happen() -> None:
        await asyncio.sleep(pause)
        for fault in faults:
            begin = await asyncio.to_thread(fault.happen)
            while not (done := overcome(begin)) and time.monotonic() - begin < pause + PATIENCE_SECONDS:
                await asyncio.sleep(POLL_SECONDS)
            outcome.spells[fault.name] = Spell(begin, time.monotonic() if done else float("inf"))
        over.set()

    async with httpx2.AsyncClient(
        base_url=f"{app.url}/api/{account.user.id}",
        headers={"Authorization": f"Bearer {account.token}"},
        timeout=REQUEST_SECONDS,
        limits=limits,
        trust_env=False,
    ) as client:
        await asyncio.gather(happen(), *(create(client, number) for number in range(connections)))
    return outcome


def lost(systems: Systems, account: Account, database: str, outcome: Outcome) -> set[int]:
    """Return the acknowledged tasks that are missing from the database."""
    rows = systems.postgres.run("SELECT id FROM tasks WHERE user_id = %s", account.user.id, database=database)
    return set(outcome.acknowledged) - {number for (number,) in rows}
