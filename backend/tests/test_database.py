"""Connections, migrations, and outages of the database."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from todo_api.db import engine, migrate
from todo_api.db.engine import is_unavailable, lacks_table, make_engine, postgres_options
from todo_api.db.tables import metadata
from todo_api.main import create_app
from todo_api.settings import Settings

TASKS = "/api/ada/tasks"


def test_migrations_make_exactly_the_tables_of_the_application(migrated_file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{migrated_file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_listed_revisions_are_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(migrate.REVISIONS)
    assert scripts.get_heads() == [migrate.HEAD]


def test_several_processes_may_migrate_at_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: migrate.upgrade(settings), range(4))) == [None] * 4
    with closing(sqlite3.connect(tmp_path / "new" / "todo.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.HEAD,)]


def test_newer_schema_is_left_as_it_is_and_served(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with closing(sqlite3.connect(settings.data_dir / "todo.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'of-the-future'")
        database.commit()
        with TestClient(create_app(settings)) as client:
            assert client.get("/readyz").status_code == 200
            assert client.get(TASKS, headers=bearer(settings, "ada")).json() == []
        found = database.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [("of-the-future",)]


def test_migration_waits_for_the_database_a_bounded_time() -> None:
    settings = Settings(database_url="postgresql://u:p@127.0.0.1:1/d")
    with pytest.raises(exc.OperationalError):
        migrate.upgrade(settings, wait=0)


def test_bare_start_makes_its_database(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "fresh")
    with TestClient(create_app(settings)) as client:
        assert client.get(TASKS, headers=bearer(settings, "ada")).json() == []
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o700


def test_acknowledged_task_survives_a_restart(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ada = bearer(settings, "ada")
    with TestClient(create_app(settings)) as client:
        client.post(TASKS, json={"title": "Stay"}, headers=ada)
    with TestClient(create_app(settings)) as client:
        assert [task["title"] for task in client.get(TASKS, headers=ada).json()] == ["Stay"]


@pytest.fixture
def away(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a service whose database does not listen."""
    monkeypatch.setattr(engine, "CONNECT_RETRY_DELAYS", (0.01, 0.02))
    settings = make_settings(database_url="postgresql://u:hunter2@127.0.0.1:1/d", database_timeout=2)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        client.headers.update(bearer(make_settings(), "ada"))
        yield client


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", TASKS, None),
        ("POST", TASKS, {"title": "x"}),
        ("GET", f"{TASKS}/1", None),
        ("PUT", f"{TASKS}/1", {"title": "x"}),
        ("PATCH", f"{TASKS}/1/complete", None),
        ("DELETE", f"{TASKS}/1", None),
    ],
)
def test_database_that_is_away_is_503_with_retry_after(
    away: TestClient, method: str, path: str, body: Any
) -> None:
    answer = away.request(method, path, json=body)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":database-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "hunter2" not in answer.text


def test_locked_database_is_503_not_500(make_settings: MakeSettings) -> None:
    settings = make_settings(database_timeout=0.3)
    with (
        TestClient(create_app(settings), raise_server_exceptions=False) as client,
        closing(sqlite3.connect(settings.data_dir / "todo.db")) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        answer = client.post(TASKS, json={"title": "x"}, headers=bearer(settings, "ada"))
        other.rollback()
    assert answer.status_code == 503


@contextmanager
def frozen_server() -> Iterator[int]:
    """Listen as a PostgreSQL server that accepts every login and then answers nothing; yield its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length, code = struct.unpack("!ii", self.rfile.read(8))
            self.rfile.read(length - 8)
            if code == 3 << 16:  # not a request to cancel
                messages = (b"R", struct.pack("!i", 0)), (b"K", struct.pack("!ii", 1, 2)), (b"Z", b"I")
                for kind, body in messages:
                    self.wfile.write(kind + struct.pack("!i", 4 + len(body)) + body)
            self.rfile.read()  # until the client has gone

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_time_limits_hold_against_a_frozen_server(make_settings: MakeSettings) -> None:
    with frozen_server() as port:
        settings = make_settings(
            database_url=f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable",
            database_timeout=0.5,
            ready_timeout=0.3,
        )
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            client.headers.update(bearer(make_settings(), "ada"))
            began = time.monotonic()
            answers = [client.get(TASKS), client.post(TASKS, json={"title": "x"}), client.get("/readyz")]
            seconds = time.monotonic() - began
    assert [answer.status_code for answer in answers] == [503] * 3
    assert seconds < 4  # psycopg alone would ask the server to cancel, and wait ten seconds each time


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exc.OperationalError("s", {}, errors.AdminShutdown()), True),
        (exc.OperationalError("s", {}, errors.CannotConnectNow()), True),
        (exc.TimeoutError("pool"), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (exc.DBAPIError("s", {}, Exception(), connection_invalidated=True), True),
        (exc.ProgrammingError("s", {}, errors.UndefinedTable()), True),
        (exc.ProgrammingError("s", {}, errors.SyntaxError()), False),
        (exc.IntegrityError("s", {}, errors.UniqueViolation()), False),
        (ValueError(), False),
    ],
)
def test_outage_is_told_from_a_bug(error: Exception, expected: bool) -> None:
    assert is_unavailable(error) is expected


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (errors.UndefinedTable('relation "alembic_version" does not exist'), True),
        (sqlite3.OperationalError("no such table: alembic_version"), True),
        (errors.InsufficientPrivilege(), False),
        (errors.AdminShutdown(), False),
        (sqlite3.OperationalError("database is locked"), False),
    ],
)
def test_missing_schema_is_told_from_an_outage(original: Exception, expected: bool) -> None:
    assert lacks_table(exc.DBAPIError("SELECT", {}, original)) is expected


POOLED = "postgresql://u:p@ep-a-1-pooler.example.com/d?sslmode=require&channel_binding=require"


def test_prepared_statements_are_left_out_behind_a_pooler() -> None:
    assert postgres_options(Settings(database_url=POOLED))["prepare_threshold"] is None
    assert "prepare_threshold" not in postgres_options(Settings(database_url="postgresql://u@h/d"))


def test_options_that_a_pooler_refuses_are_not_sent() -> None:
    assert "options" not in postgres_options(Settings(database_url=POOLED))


def test_neon_parameters_reach_the_driver_unchanged() -> None:
    engine = make_engine(Settings(database_url=POOLED))
    _, arguments = engine.dialect.create_connect_args(engine.url)
    assert arguments["sslmode"] == "require"
    assert arguments["channel_binding"] == "require"
    assert engine.pool._recycle < 300
    assert engine.pool._pre_ping


def test_concurrent_writers_do_not_fail_each_other(client: TestClient, ada: dict[str, str]) -> None:
    barrier = threading.Barrier(12)

    def add(number: int) -> int:
        barrier.wait(10)
        return client.post(TASKS, json={"title": f"task {number}"}, headers=ada).status_code

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(add, range(12))) == [201] * 12


def test_connection_is_asked_unless_it_was_used_just_now_and_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async_engine = engine.create_async_engine("postgresql+psycopg://u:p@127.0.0.1:1/d")
    asked: list[object] = []
    dialect = async_engine.sync_engine.dialect
    monkeypatch.setattr(dialect, "do_ping", lambda connection: bool(asked.append(connection)) or True)
    engine.spare_pings(async_engine)
    near, far = socket.socketpair()
    connection: Any = SimpleNamespace(driver_connection=near)

    def pings() -> int:
        asked.clear()
        assert dialect.do_ping(connection)
        return len(asked)

    with near, far:
        assert pings() == 1  # never used
        async_engine.sync_engine.pool.dispatch.checkin(connection, None)
        assert pings() == 0
        far.send(b"the server says something")
        assert pings() == 1
        near.recv(100)
        async_engine.sync_engine.pool.dispatch.checkin(connection, None)
        monkeypatch.setattr(engine, "TRUSTED_SECONDS", 0)
        assert pings() == 1


def test_a_connection_that_comes_back_is_waited_for_and_one_that_does_not_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def scenario(patience: float, *, comes_back: bool) -> int:
        monkeypatch.setattr(engine, "OVERFLOW_AFTER_SECONDS", patience)
        url = f"sqlite+aiosqlite:///{tmp_path / 'pool.db'}"
        pooled = create_async_engine(url, poolclass=engine.PatientPool, pool_size=1, max_overflow=1)
        opened: list[object] = []
        sa.event.listen(pooled.sync_engine, "connect", lambda connection, _: opened.append(connection))
        first = await pooled.connect()
        second = asyncio.create_task(pooled.connect().start())
        await asyncio.sleep(0)
        if comes_back:
            await first.close()
        await (await second).close()
        await first.close()
        await pooled.dispose()
        return len(opened)

    assert asyncio.run(scenario(30, comes_back=True)) == 1
    assert asyncio.run(scenario(0.01, comes_back=False)) == 2
