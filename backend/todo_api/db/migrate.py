"""Migrations without an ini file, safe from several processes at once."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from todo_api.settings import Settings

logger = logging.getLogger(__name__)

SCRIPTS = Path(__file__).parent.parent / "migrations"
# Oldest first; a test compares the list with the scripts. It lets readiness do without importing Alembic.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]
LOCK_ID = 0x746F646F  # "todo": one number for every process that migrates this application's schema
WAIT_SECONDS = 60


def is_current(revision: str | None) -> bool:
    """Tell whether the schema is new enough: at this version's head, or migrated by a newer version."""
    return revision is not None and revision not in REVISIONS[:-1]


def upgrade(settings: Settings, *, wait: float = WAIT_SECONDS) -> None:
    """Migrate the schema to the newest revision, unless a newer version has migrated it further.

    `wait` is the time in seconds for the database to become reachable; then OperationalError.
    """
    dsn = settings.migration_dsn.replace("sqlite+aiosqlite", "sqlite", 1)
    engine = sa.create_engine(dsn, poolclass=sa.pool.NullPool, hide_parameters=True)
    deadline = time.monotonic() + wait
    try:
        while True:
            try:
                _upgrade(engine, settings)
                return
            except exc.OperationalError as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("waiting for the database", extra={"error": type(error.orig).__name__})
                time.sleep(1)
    finally:
        engine.dispose()


def _upgrade(engine: sa.Engine, settings: Settings) -> None:
    if engine.dialect.name == "sqlite":
        if engine.url.database not in (None, "", ":memory:"):
            Path(engine.url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _file_lock(Path(f"{engine.url.database}.migrate-lock")):
            _upgrade_alone(engine)
    else:
        _upgrade_alone(engine)


def _upgrade_alone(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if _needs_nothing(connection):
            return
    # Imported here: with an up-to-date schema a process starts without Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Held until the commit, so it also works with a pooler that assigns connections by transaction.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})
            # Another process, perhaps of a newer version, may have migrated while this one waited.
            if _needs_nothing(connection):
                return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    logger.info("schema is up to date", extra={"revision": HEAD})


def _needs_nothing(connection: sa.Connection) -> bool:
    """Tell whether the schema is at this version's head or, as after a rollback of the deployment, newer."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if is_current(found) and found != HEAD:
        logger.warning(
            "the schema is newer than this version; it is left unchanged",
            extra={"revision": found, "known": HEAD},
        )
    return is_current(found)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
