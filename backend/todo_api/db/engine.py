"""Database connections: pooled, checked before use, with time limits, and clear errors for an outage."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util.concurrency import await_, greenlet_spawn
from sqlalchemy.util.queue import Empty

from todo_api.settings import Settings

logger = logging.getLogger(__name__)

# Neon ends idle compute after 300 s and a restart ends every connection: recycle earlier, check before use.
POOL_RECYCLE_SECONDS = 240
# A sleeping or restarting server gets further attempts before the request fails.
CONNECT_RETRY_DELAYS = (0.1, 0.4)
# A connection used this recently is not checked.
TRUSTED_SECONDS = 0.5
# A connection is returned within milliseconds; opening another beyond those kept costs a TLS handshake.
OVERFLOW_AFTER_SECONDS = 0.5
UNDEFINED_TABLE = "42P01"
WRITER = "todo_writer"


class Unavailable(Exception):
    """The database cannot serve now; nothing of the unit of work is known to be stored."""


class PatientPool(AsyncAdaptedQueuePool):
    """Opens a connection beyond those that it keeps only for a request that has waited a moment."""

    def _do_get(self) -> ConnectionPoolEntry:
        if 0 <= self._overflow < self._max_overflow:
            with suppress(Empty):
                return self._pool.get(True, OVERFLOW_AFTER_SECONDS)
        return super()._do_get()


type _Values = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Executor(Protocol):
    """What runs statements: a Database, each as a transaction of its own, or a connection, all in one."""

    async def execute(self, statement: sa.Executable, values: Any = None, /) -> sa.CursorResult[Any]: ...

    async def scalar(self, statement: sa.Executable, values: Any = None, /) -> Any: ...


class Database:
    """The engine of one process, with its ways to read and to write.

    All of them raise Unavailable when the database does not answer in time.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare the engine; the first use opens the first connection."""
        self._timeout = settings.database_timeout
        self._ready_timeout = settings.ready_timeout
        self._engine = make_engine(settings)
        # A separate connection: requests that wait for a lock do not make the service unready.
        self._probe = make_engine(settings, pool_size=1, max_overflow=0)
        # On PostgreSQL the engine commits each statement: one round trip, without BEGIN and COMMIT.
        self._writer = self._engine.execution_options(
            **({WRITER: True} if settings.is_sqlite else {"isolation_level": "READ COMMITTED"})
        )
        self._single = self._writer if settings.is_sqlite else self._engine

    async def execute(self, statement: sa.Executable, values: _Values = None, /) -> sa.CursorResult[Any]:
        """Run one statement, as a transaction of its own, and return its result."""
        async with self._limited():
            return await greenlet_spawn(self._execute, statement, values)

    async def scalar(self, statement: sa.Executable, values: _Values = None, /) -> Any:
        """Run one statement, as a transaction of its own, and return its first row's first value."""
        return (await self.execute(statement, values)).scalar()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Return a connection in a transaction that commits at the end of the block."""
        async with self._limited():
            opened = await greenlet_spawn(_connect, self._writer.sync_engine)
            connection = AsyncConnection(self._writer, opened)
            try:
                async with connection.begin():
                    yield connection
            finally:
                await connection.close()

    def _execute(self, statement: sa.Executable, values: _Values) -> sa.CursorResult[Any]:
        # One visit to SQLAlchemy: one each to connect, to execute and to close costs more than their work.
        engine = self._single if statement.is_dml else self._engine
        with _connect(engine.sync_engine) as connection:
            result = connection.execute(statement, values)
            if engine is self._writer:
                connection.commit()
            return result

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except (exc.SQLAlchemyError, OSError) as error:
            _raise_unavailable(error)
            raise

    async def revision(self) -> str | None:
        """Return the schema's revision, requested with a short time-out; None without a schema."""
        try:
            async with asyncio.timeout(self._ready_timeout), self._probe.connect() as connection:
                found: str | None = await connection.scalar(
                    sa.text("SELECT version_num FROM alembic_version")
                )
                return found
        except (exc.SQLAlchemyError, OSError) as error:
            if isinstance(error, exc.DBAPIError) and lacks_table(error):
                return None
            _raise_unavailable(error)
            raise

    async def close(self) -> None:
        await self._engine.dispose()
        await self._probe.dispose()


def _connect(engine: sa.Engine) -> sa.Connection:
    """Open a connection, inside greenlet_spawn, retrying when the server refuses."""
    for delay in CONNECT_RETRY_DELAYS:
        try:
            return engine.connect()
        except (exc.OperationalError, exc.InterfaceError, OSError):
            await_(asyncio.sleep(delay))
    return engine.connect()


def _raise_unavailable(error: Exception) -> None:
    """Raise Unavailable for an error that the database caused.

    TimeoutError, from a time limit or a socket, is an OSError.
    """
    if is_unavailable(error):
        logger.warning("database unavailable", extra={"error": type(error).__name__, "cause": _cause(error)})
        raise Unavailable(type(error).__name__) from error


def is_unavailable(error: BaseException) -> bool:
    """Tell whether the database caused an error, and not the request."""
    if isinstance(error, (OSError, exc.TimeoutError, exc.OperationalError, exc.InterfaceError)):
        return True
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or lacks_table(error)
    return False


def lacks_table(error: exc.DBAPIError) -> bool:
    """Tell whether a statement failed because its table does not exist."""
    # SQLite has no separate code for this.
    return getattr(error.orig, "sqlstate", None) == UNDEFINED_TABLE or "no such table" in str(error.orig)


def _cause(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().partition("\n")[0]


def make_engine(settings: Settings, **pool: int) -> AsyncEngine:
    """Make the async engine for the settings; `pool` overrides sizes of its connection pool."""
    if settings.is_sqlite:
        return _sqlite_engine(settings, **{"pool_size": 5, "max_overflow": 5, **pool})
    sizes = {"pool_size": settings.database_pool_size, "max_overflow": settings.database_max_overflow}
    # libpq asks for it at each connect, and poolers know it: times arrive in UTC and need no conversion.
    os.environ.setdefault("PGTZ", "UTC")
    engine = create_async_engine(
        settings.database_dsn,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        poolclass=PatientPool,
        pool_pre_ping=True,
        # Under load the same few connections are reused, and stay trusted.
        pool_use_lifo=True,
        pool_recycle=POOL_RECYCLE_SECONDS,
        pool_timeout=settings.database_timeout,
        hide_parameters=True,
        **{**sizes, **pool},
        connect_args=postgres_options(settings),
    )
    spare_pings(engine)
    return engine


def spare_pings(engine: AsyncEngine) -> None:
    """Skip the check before use, a round trip, for a connection that was in use just now.

    Its socket must be silent: a server or pooler that ends a connection announces it there.
    """
    dialect = engine.sync_engine.dialect
    ping = dialect.do_ping
    used: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    @event.listens_for(engine.sync_engine, "checkin")
    def note(connection: DBAPIConnection | None, _record: Any) -> None:
        if connection is not None:
            used[connection.driver_connection] = time.monotonic()

    def do_ping(connection: DBAPIConnection) -> bool:
        driver = connection.driver_connection
        if time.monotonic() - used.get(driver, 0.0) < TRUSTED_SECONDS:
            watch = select.poll()
            watch.register(driver.fileno(), select.POLLIN)
            if not watch.poll(0):
                return True
        return ping(connection)

    setattr(dialect, "do_ping", do_ping)  # noqa: B010 - mypy refuses to assign to a method


def postgres_options(settings: Settings) -> dict[str, Any]:
    """Return psycopg's connection options; those in the URL take precedence if libpq reads them."""
    from todo_api.db.connection import Connection  # imports the driver

    options: dict[str, Any] = {
        "async_creator_fn": Connection.connect,
        "connect_timeout": settings.database_connect_timeout,
        "application_name": "todo-chatbot-api",
        # A peer that vanished silently is noticed within half a minute.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    if settings.is_pooled:
        # The next transaction may run on another server connection, which lacks the prepared statement.
        options["prepare_threshold"] = None
    return options


def _sqlite_engine(settings: Settings, **pool: int) -> AsyncEngine:
    if settings.database_url is None:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_async_engine(
        settings.database_dsn,
        pool_timeout=settings.database_timeout,
        hide_parameters=True,
        **pool,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is sent below, not guessed by the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer takes the lock first: two readers that both become writers would deadlock.
        immediate = connection.get_execution_options().get(WRITER)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
