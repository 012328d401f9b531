"""Clients' results while faults come together: load, a database outage, a dead worker."""

from __future__ import annotations

from functools import partial

from tests.support import faults
from tests.support.systems import Account, Systems

RECOVERY_SECONDS = 5.0


def test_load_through_restarts_and_a_dead_worker_loses_no_acknowledged_create_and_answers_no_500(
    neighbourhood: Systems, ada: Account
) -> None:
    database = neighbourhood.postgres.create_database("faults")
    environment = neighbourhood.environment(database) | {"WEB_CONCURRENCY": "2"}
    with neighbourhood.app(environment) as app:
        planned = [
            faults.Fault("restart", partial(faults.restart, neighbourhood.postgres)),
            faults.Fault("death of a worker", partial(faults.kill_worker, app)),
            faults.Fault("crash", partial(faults.crash, neighbourhood.postgres)),
        ]
        outcome = faults.run(app, ada, planned, pause=1.5, connections=16)
        assert len(app.workers()) == 2
    assert set(outcome.statuses) == {201, 503}
    assert len(outcome.acknowledged) > 100
    assert faults.lost(neighbourhood, ada, database, outcome) == set()
    for fault in planned:
        assert outcome.recovery(fault.name) < RECOVERY_SECONDS, fault.name
