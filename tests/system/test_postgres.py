"""PostgreSQL as Neon runs it: TLS, SCRAM, a pooler in front, and a server that stops and restarts."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.support.pgbouncer import POOL_SIZE
from tests.support.systems import DIRECT_HOST, LOOPBACK, POOLED_HOST, Account, App, Systems

UNROUTED = "198.51.100.1"  # an address reserved for documentation: no host answers
RECOVERY_SECONDS = 5.0
# Allowance for a busy machine when an answer comes at a time limit; psycopg alone would add 10 s.
SLACK_SECONDS = 3.0
CONNECTIONS = 10  # DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW by default


def test_neon_url_works_unchanged_with_sslmode_and_channel_binding(
    app: App, neighbourhood: Systems, ada: Account
) -> None:
    with app.api(ada) as api:
        assert api.post("/tasks", json={"title": "Trim the sails"}).status_code == 201
    url = neighbourhood.environment("shared")["DATABASE_URL"]
    assert url.endswith("/shared?sslmode=require&channel_binding=require")
    assert POOLED_HOST in url
    sessions = neighbourhood.postgres.sessions("shared")
    assert sessions
    assert all(encrypted for encrypted, _ in sessions)


def test_the_url_may_come_from_a_mounted_secret(
    neighbourhood: Systems, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("from_file"))
    file = tmp_path_factory.mktemp("secrets") / "database-url"
    file.write_text(environment.pop("DATABASE_URL") + "\n")
    file.chmod(0o444)
    environment["DATABASE_URL_FILE"] = "/run/secrets/database-url"
    with neighbourhood.app(environment, mounts={"/run/secrets/database-url": str(file)}):
        assert neighbourhood.postgres.run("SELECT count(*) FROM tasks", database="from_file") == [(0,)]


@pytest.mark.parametrize("prepared_statements", [0, 200], ids=["prepared off", "prepared on"])
def test_pgbouncer_in_transaction_mode_serves_every_request(
    neighbourhood: Systems, ada: Account, prepared_statements: int
) -> None:
    database = neighbourhood.postgres.create_database(f"pooled_{prepared_statements}")
    environment = neighbourhood.environment(database)
    environment["DATABASE_URL"] = neighbourhood.postgres.url(POOLED_HOST, database, "sslmode=require")
    with (
        neighbourhood.pooler(prepared_statements=prepared_statements) as hosts,
        neighbourhood.app(environment, hosts=hosts) as app,
        app.api(ada) as api,
        ThreadPoolExecutor(16) as pool,
    ):
        # More statements and connections than the pooler has, so that it mixes them.
        created = list(pool.map(lambda n: api.post("/tasks", json={"title": f"task {n}"}), range(150)))
        assert {answer.status_code for answer in created} == {201}
        paths = [f"/tasks/{answer.json()['id']}" for answer in created]
        assert {api_answer.status_code for api_answer in pool.map(api.get, paths)} == {200}
        assert 0 < len(neighbourhood.postgres.sessions(database)) <= POOL_SIZE


def test_migrations_go_to_the_direct_host_when_a_pooler_is_configured(neighbourhood: Systems) -> None:
    database = neighbourhood.postgres.create_database("direct")
    environment = neighbourhood.environment(database)
    # With the pooler unreachable, migrations still succeed: they use the direct host.
    hosts = neighbourhood.hosts(**{POOLED_HOST: UNROUTED})
    code, log = neighbourhood.run_to_end(environment, "migrate", hosts=hosts)
    assert code == 0, log
    assert neighbourhood.postgres.run("SELECT version_num FROM alembic_version", database=database)


def test_migrations_run_as_a_one_off_command_and_again(neighbourhood: Systems) -> None:
    database = neighbourhood.postgres.create_database("job")
    environment = neighbourhood.environment(database)
    for _ in range(2):
        code, log = neighbourhood.run_to_end(environment, "migrate")
        assert code == 0, log
    assert len(neighbourhood.postgres.run("SELECT version_num FROM alembic_version", database=database)) == 1


def test_a_database_of_a_newer_version_is_left_alone_and_served(neighbourhood: Systems, ada: Account) -> None:
    database = neighbourhood.postgres.create_database("newer")
    environment = neighbourhood.environment(database)
    neighbourhood.run_to_end(environment, "migrate")
    neighbourhood.postgres.run("UPDATE alembic_version SET version_num = 'newer'", database=database)
    # As after a rollback: a job migrates, then replicas start, with or without migrating.
    code, log = neighbourhood.run_to_end(environment, "migrate")
    assert code == 0, log
    assert "Traceback" not in log
    assert '"revision": "newer"' in log
    with neighbourhood.app(environment) as app, app.api(ada) as api:
        assert api.post("/tasks", json={"title": "Sail back"}).status_code == 201
    found = neighbourhood.postgres.run("SELECT version_num FROM alembic_version", database=database)
    assert found == [("newer",)]


def test_two_replicas_that_start_at_once_migrate_once(neighbourhood: Systems) -> None:
    database = neighbourhood.postgres.create_database("replicas")
    environment = neighbourhood.environment(database)
    with neighbourhood.container(environment) as first, neighbourhood.container(environment) as second:
        first.running.wait_until_ready("/readyz")
        second.running.wait_until_ready("/readyz")
        for replica in (first, second):
            assert "Traceback" not in replica.log()
    assert len(neighbourhood.postgres.run("SELECT version_num FROM alembic_version", database=database)) == 1


def test_an_unmigrated_database_keeps_the_container_unready(neighbourhood: Systems) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("unmigrated"))
    del environment["RUN_MIGRATIONS"]
    with neighbourhood.container(environment) as app, app.client() as client:
        _wait_for(client, "/livez", 200)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "schema" in answer.json()["checks"]["database"]


def test_idle_sessions_that_the_server_ends_cost_no_request(
    app: App, neighbourhood: Systems, ada: Account
) -> None:
    with app.api(ada) as api, ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            list(pool.map(lambda _: api.get("/tasks"), range(24)))
            assert neighbourhood.postgres.terminate_idle("shared") > 0
            statuses = [
                answer.status_code
                for answer in pool.map(
                    lambda n: (
                        api.post("/tasks", json={"title": f"after {n}"}) if n % 2 else api.get("/tasks")
                    ),
                    range(24),
                )
            ]
            assert set(statuses) <= {200, 201}


@dataclass
class Load:
    """Results of a stream of requests."""

    acknowledged: list[int] = field(default_factory=list)
    refused: list[httpx2.Response] = field(default_factory=list)
    others: list[object] = field(default_factory=list)


@contextmanager
def _creating(api: httpx2.Client, workers: int) -> Iterator[Load]:
    """Create tasks without a pause while the block runs."""
    load, over, numbers = Load(), threading.Event(), itertools.count()

    def work() -> None:
        while not over.is_set():
            try:
                answer = api.post("/tasks", json={"title": f"write {next(numbers)}"})
            except httpx2.HTTPError as error:
                load.others.append(error)
                continue
            if answer.status_code == 201:
                load.acknowledged.append(answer.json()["id"])
            elif answer.status_code == 503:
                load.refused.append(answer)
                over.wait(0.05)
            else:
                load.others.append((answer.status_code, answer.text))

    with ThreadPoolExecutor(workers) as pool:
        for _ in range(workers):
            pool.submit(work)
        try:
            yield load
        finally:
            over.set()


@pytest.mark.parametrize("how", ["planned", "crash"])
def test_a_restart_under_load_loses_no_acknowledged_write(
    app: App, neighbourhood: Systems, ada: Account, how: str
) -> None:
    server = neighbourhood.postgres
    with app.api(ada) as api, app.client() as probe, _creating(api, workers=8) as load:
        _until_more(load, than=20)
        (server.stop if how == "planned" else server.kill)()
        try:
            _wait_for(probe, "/readyz", 503)
            assert probe.get("/livez").status_code == 200
            time.sleep(1.0)
        finally:
            server.start()
        back = time.monotonic()
        _wait_for(probe, "/readyz", 200)
        recovered = time.monotonic() - back
        _until_more(load, than=len(load.acknowledged) + 20)
    rows = server.run("SELECT id FROM tasks WHERE user_id = %s", ada.user.id, database="shared")
    assert not load.others
    assert load.refused, "nothing was asked while the server was away"
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in load.refused)
    assert {answer.headers["Content-Type"] for answer in load.refused} == {"application/problem+json"}
    assert set(load.acknowledged) <= {number for (number,) in rows}
    assert recovered < RECOVERY_SECONDS


def test_a_database_that_never_answers_is_503_with_retry_after(neighbourhood: Systems, ada: Account) -> None:
    environment = neighbourhood.environment("nowhere")
    environment |= {"RUN_MIGRATIONS": "0", "DATABASE_CONNECT_TIMEOUT": "2", "DATABASE_TIMEOUT": "3"}
    hosts = neighbourhood.hosts(**{POOLED_HOST: UNROUTED, DIRECT_HOST: UNROUTED})
    with (
        neighbourhood.container(environment, hosts=hosts) as app,
        app.client() as client,
        app.api(ada) as api,
    ):
        _wait_for(client, "/livez", 200)
        assert client.get("/readyz").status_code == 503
        answer = api.get("/tasks")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0


def test_time_limits_hold_while_the_server_behind_the_pooler_is_frozen(
    neighbourhood: Systems, ada: Account
) -> None:
    database = neighbourhood.postgres.create_database("frozen")
    environment = neighbourhood.environment(database) | {
        "DATABASE_URL": neighbourhood.postgres.url(POOLED_HOST, database, "sslmode=require"),
        "DATABASE_TIMEOUT": "3",
        "READY_TIMEOUT_SECONDS": "1",
        "CHAT_PRELOAD": "0",
    }
    with (
        neighbourhood.pooler(prepared_statements=0) as hosts,
        neighbourhood.app(environment, hosts=hosts) as app,
        app.api(ada) as api,
        app.client() as probe,
        ThreadPoolExecutor(4) as pool,
    ):
        while probe.get("/readyz").json()["checks"]["mcp"] != "ready":
            pass  # only loads the server: loading does not count towards a limit
        assert api.post("/tasks", json={"title": "Before the ice"}).status_code == 201
        with neighbourhood.postgres.frozen():
            reads = [pool.submit(_timed, api, "GET", "/tasks") for _ in range(2)]
            writes = [pool.submit(_timed, api, "POST", "/tasks", json={"title": "x"}) for _ in range(2)]
            ready = _timed(probe, "GET", "/readyz")
            work = [one.result() for one in (*reads, *writes)]
        assert {status for status, _ in (*work, ready)} == {503}
        assert max(seconds for _, seconds in work) < 3 + SLACK_SECONDS
        assert ready[1] < 1 + SLACK_SECONDS
        _wait_for(probe, "/readyz", 200)
        assert api.get("/tasks").status_code == 200


def test_a_locked_table_takes_no_replica_out_of_service(neighbourhood: Systems, ada: Account) -> None:
    database = neighbourhood.postgres.create_database("locked")
    with (
        neighbourhood.app(neighbourhood.environment(database)) as app,
        app.api(ada) as api,
        app.client() as probe,
        ThreadPoolExecutor(16) as pool,
    ):
        with neighbourhood.postgres.connect(database) as session, session.transaction():
            session.execute("LOCK TABLE tasks")
            # More requests than the service has connections.
            waiting = [pool.submit(api.post, "/tasks", json={"title": f"wait {n}"}) for n in range(16)]
            _until_waiting(neighbourhood, database)
            for _ in range(5):
                status, seconds = _timed(probe, "GET", "/readyz")
                assert (status, seconds < 2) == (200, True)
            assert not any(one.done() for one in waiting)
        assert {one.result().status_code for one in waiting} == {201}


def test_sqlite_is_the_embedded_default_of_a_bare_start(neighbourhood: Systems) -> None:
    with neighbourhood.app({}, hosts={}) as app:
        code, output = app.run("python3", "-m", "todo_api", "dev-token", "--user", "ada")
        assert code == 0, output
        with app.client(output.strip(), path="/api/ada") as api, app.client(path="/api/ada") as stranger:
            assert api.post("/tasks", json={"title": "Swab the deck"}).status_code == 201
            assert [task["title"] for task in api.get("/tasks").json()] == ["Swab the deck"]
            assert stranger.get("/tasks").status_code == 401
        assert app.url.startswith(f"http://{LOOPBACK}:")


def _timed(client: httpx2.Client, method: str, path: str, **request: Any) -> tuple[int, float]:
    began = time.monotonic()
    status = client.request(method, path, **request).status_code
    return status, time.monotonic() - began


def _until_waiting(systems: Systems, database: str, seconds: float = 10.0) -> None:
    """Wait until all of the service's request connections wait for a lock."""
    deadline = time.monotonic() + seconds
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    while systems.postgres.run(query, database)[0][0] < CONNECTIONS:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _until_more(load: Load, than: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while len(load.acknowledged) <= than:
        assert time.monotonic() < deadline, f"only {len(load.acknowledged)} creates were acknowledged"
        time.sleep(0.02)


def _wait_for(client: httpx2.Client, path: str, status: int, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = client.get(path).status_code
        except httpx2.HTTPError as error:
            last = error
        if last == status:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not answer {status} within {seconds:g} s; last: {last}")
