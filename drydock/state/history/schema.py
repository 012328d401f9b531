"""The database's tables, and how a database of an earlier version becomes one of this version."""

from __future__ import annotations

import sqlite3

# Each entry leads from the version that is its index to the next; `PRAGMA user_version` holds a database's.
# Values that are only read as a whole (a build's steps, an image's layers, a verdict) are JSON.
MIGRATIONS = (
    """
    CREATE TABLE builds (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        project TEXT NOT NULL,
        target TEXT NOT NULL,
        branch TEXT NOT NULL,
        revision TEXT NOT NULL,
        dirty INTEGER NOT NULL,
        image_id TEXT NOT NULL,
        seconds REAL NOT NULL,
        steps TEXT NOT NULL
    );
    CREATE INDEX builds_by_project ON builds (project, target, at);
    CREATE INDEX builds_by_age ON builds (at);
    CREATE TABLE images (
        image_id TEXT PRIMARY KEY,
        content TEXT NOT NULL,
        on_disk INTEGER NOT NULL,
        on_wire INTEGER NOT NULL,
        layers TEXT NOT NULL,
        packages TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        project TEXT NOT NULL,
        target TEXT NOT NULL,
        branch TEXT NOT NULL,
        revision TEXT NOT NULL,
        dirty INTEGER NOT NULL,
        content TEXT NOT NULL,
        gate TEXT NOT NULL,
        verdict TEXT NOT NULL
    );
    CREATE INDEX verdicts_by_project ON verdicts (project, target, gate, at);
    CREATE INDEX verdicts_by_age ON verdicts (at);
    """,
    """
    ALTER TABLE builds ADD COLUMN fault TEXT NOT NULL DEFAULT '';
    """,
)


class NewerDatabase(sqlite3.DatabaseError):
    """The database was written by a later version of drydock."""


def version(connection: sqlite3.Connection) -> int:
    """Return a database's version; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring a database to this version, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Looked at inside the transaction: another process may have been here in the meantime.
        found = version(connection)
        if found > len(migrations):
            raise NewerDatabase(f"its version is {found}, and this drydock knows {len(migrations)}")
        for script in migrations[found:]:
            # Not executescript(), which would commit first.
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
