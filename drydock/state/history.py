"""Builds and verdicts of this machine, for the trend of sizes and times.

The database is SQLite in write-ahead mode, so that readers and a writer need not wait. Each process opens it
for one transaction at a time; one that is killed in the middle leaves nothing of it behind.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from drydock import state
from drydock.state.errors import HistoryUnreadable
from drydock.verdict import Verdict

KEPT_SECONDS = state.TABLE["history"].days * state.DAY
# Another process's transaction takes milliseconds; who waits longer than this has met a stuck one.
BUSY_SECONDS = 2.0
_BUILD = "b.at, b.project, b.target, b.branch, b.revision, b.dirty, b.image_id, b.seconds, b.steps, b.fault"
_IMAGE = "i.content, i.on_disk, i.on_wire, i.layers, i.packages"

# Each entry leads from the version that is its index to the next; `PRAGMA user_version` holds a database's.
# Values that are only read as a whole (a build's steps, an image's layers, a verdict) are JSON.
MIGRATIONS = (
    """
    CREATE TABLE builds (
        id INTEGER PRIMARY KEY, at REAL NOT NULL,
        project TEXT NOT NULL, target TEXT NOT NULL, branch TEXT NOT NULL,
        revision TEXT NOT NULL, dirty INTEGER NOT NULL,
        image_id TEXT NOT NULL, seconds REAL NOT NULL, steps TEXT NOT NULL
    );
    CREATE INDEX builds_by_project ON builds (project, target, at);
    CREATE INDEX builds_by_age ON builds (at);
    CREATE TABLE images (
        image_id TEXT PRIMARY KEY, content TEXT NOT NULL,
        on_disk INTEGER NOT NULL, on_wire INTEGER NOT NULL,
        layers TEXT NOT NULL, packages TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY, at REAL NOT NULL,
        project TEXT NOT NULL, target TEXT NOT NULL, branch TEXT NOT NULL,
        revision TEXT NOT NULL, dirty INTEGER NOT NULL,
        content TEXT NOT NULL, gate TEXT NOT NULL, verdict TEXT NOT NULL
    );
    CREATE INDEX verdicts_by_project ON verdicts (project, target, gate, at);
    CREATE INDEX verdicts_by_age ON verdicts (at);
    """,
    "ALTER TABLE builds ADD COLUMN fault TEXT NOT NULL DEFAULT ''",
)


@dataclass(frozen=True)
class Origin:
    """Whose build or verdict it is; `project` is the image's name, the same in every clone and worktree."""

    project: str
    target: str
    branch: str = ""
    revision: str = ""
    dirty: bool = False


@dataclass(frozen=True)
class StepTime:
    """The time of one step of a build; 0.0 seconds when it was cached."""

    stage: str
    instruction: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class LayerSize:
    """The bytes of one layer: of its tar archive on disk, and compressed on the wire."""

    diff_id: str
    instruction: str
    on_disk: int
    on_wire: int


@dataclass(frozen=True)
class PackageSize:
    """The bytes of one package, which ``python``, ``debian`` or ``folder`` names."""

    source: str
    name: str
    version: str
    size: int


@dataclass(frozen=True)
class Weighed:
    """An image's sizes in bytes; `content` is equal for images that differ only in labels and times."""

    image_id: str
    content: str
    on_disk: int
    on_wire: int
    layers: tuple[LayerSize, ...]
    packages: tuple[PackageSize, ...]


@dataclass(frozen=True)
class Build:
    """One build with its image, if that was weighed; without an id for several platforms or a failure."""

    at: float
    origin: Origin
    image_id: str
    seconds: float
    steps: tuple[StepTime, ...] = ()
    image: Weighed | None = None
    fault: str = ""

    @property
    def cached(self) -> int:
        """How many steps came from the cache."""
        return sum(step.cached for step in self.steps)


@dataclass(frozen=True)
class Judged:
    """A verdict of a gate, without its evidence: a log may hold secrets."""

    at: float
    origin: Origin
    content: str
    verdict: Verdict


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


def default_path() -> Path:
    """Return where the user's history is kept."""
    return state.folder("history.sqlite3")


class History:
    """Builds and verdicts of one user on one machine."""

    def __init__(self, path: Path | None = None, busy: float = BUSY_SECONDS) -> None:
        self.path = path or default_path()
        self._busy = busy

    def add_build(self, build: Build) -> None:
        """Remember a build, and forget what is too old."""
        steps = json.dumps([astuple(step) for step in build.steps])
        row = (build.at, *astuple(build.origin), build.image_id, build.seconds, steps, build.fault)
        columns = "at, project, target, branch, revision, dirty, image_id, seconds, steps, fault"
        self._insert(f"INSERT INTO builds ({columns})", row, build.at)

    def add_image(self, image: Weighed) -> None:
        """Remember what an image weighs; later figures replace earlier ones."""
        texts = (json.dumps([astuple(one) for one in some]) for some in (image.layers, image.packages))
        row = (image.image_id, image.content, image.on_disk, image.on_wire, *texts)
        self._insert("INSERT OR REPLACE INTO images", row)

    def add_verdict(self, judged: Judged) -> None:
        """Remember what a gate said, and forget what is too old."""
        verdict = replace(judged.verdict, evidence="").dumps()
        row = (judged.at, *astuple(judged.origin), judged.content, judged.verdict.gate, verdict)
        columns = "at, project, target, branch, revision, dirty, content, gate, verdict"
        self._insert(f"INSERT INTO verdicts ({columns})", row, judged.at)

    def _insert(self, into: str, row: Sequence[object], at: float = 0.0) -> None:
        """Add a row, and forget builds and verdicts that are too old then, with the images of no build."""
        with self._transaction() as connection:
            connection.execute(f"{into} VALUES ({', '.join('?' * len(row))})", row)
            oldest = (at - KEPT_SECONDS,)
            connection.execute("DELETE FROM verdicts WHERE at < ?", oldest)
            if connection.execute("DELETE FROM builds WHERE at < ?", oldest).rowcount:
                connection.execute("DELETE FROM images WHERE image_id NOT IN (SELECT image_id FROM builds)")

    def knows(self, image_id: str, on_disk: int, on_wire: int) -> bool:
        """Tell whether an image is known with these sizes: another compression gives another on the wire."""
        query = "SELECT 1 FROM images WHERE image_id = ? AND on_disk = ? AND on_wire = ?"
        return bool(self._rows(query, image_id, on_disk, on_wire))

    def builds(self, project: str, target: str = "", limit: int = -1, *, failed: bool = False) -> list[Build]:
        """Return builds, the newest first; all of them where the limit is below 0."""
        chosen = "b.project = ? AND (? IN ('', b.target)) AND (? OR b.fault = '')"
        where = f"{chosen} ORDER BY b.at DESC, b.id DESC LIMIT ?"
        return self._builds(where, project, target, failed, limit)

    def before(self, project: str, target: str, content: str) -> Build | None:
        """Return the newest weighed build of other content, also one of a later commit."""
        where = "b.project = ? AND b.target = ? AND i.content != ? ORDER BY b.at DESC, b.id DESC LIMIT 1"
        return next(iter(self._builds(where, project, target, content)), None)

    def latest_verdicts(self, project: str, target: str = "") -> list[Judged]:
        """Return the newest verdict of each gate on a target, or on each where none is given."""
        newest = (
            "SELECT MAX(id) FROM verdicts WHERE project = ? AND (? IN ('', target)) GROUP BY target, gate"
        )
        return self._verdicts(f"id IN ({newest}) ORDER BY at DESC, id DESC", project, target)

    def verdicts_of(self, gate: str, project: str, target: str) -> list[Judged]:
        """Return what a gate said about a target, the newest first."""
        where = "gate = ? AND project = ? AND target = ? ORDER BY at DESC, id DESC"
        return self._verdicts(where, gate, project, target)

    def _verdicts(self, where: str, *values: object) -> list[Judged]:
        columns = "at, project, target, branch, revision, dirty, content, verdict"
        query = f"SELECT {columns} FROM verdicts WHERE {where}"  # noqa: S608 - both are constants
        return [
            Judged(at, _origin(origin), content, Verdict.from_json(json.loads(text)))
            for at, *origin, content, text in self._rows(query, *values)
        ]

    def _builds(self, where: str, *values: object) -> list[Build]:
        joined = "FROM builds b LEFT JOIN images i ON i.image_id = b.image_id"
        query = f"SELECT {_BUILD}, {_IMAGE} {joined} WHERE {where}"
        return [_build(row) for row in self._rows(query, *values)]

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds; nothing where there is no database yet."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self.path.exists():
            self._create()
        with self._open() as connection:
            # IMMEDIATE: a transaction that begins by reading cannot wait its turn to write.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(_connect(self.path, self._busy)) as connection:
            if version(connection) != len(MIGRATIONS):
                migrate(connection)
            yield connection

    def _create(self) -> None:
        """Make the database beside its place and put it there whole: of two processes, the first wins."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Only its owner can read it.
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".history-")
        os.close(descriptor)
        try:
            with closing(_connect(Path(name), self._busy)) as connection:
                # A lasting property of the file; a database in use cannot be switched without a wait.
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection)
            with suppress(FileExistsError):
                os.link(name, self.path)
        finally:
            Path(name).unlink(missing_ok=True)


def _connect(path: Path, busy: float) -> sqlite3.Connection:
    """Open a database in autocommit mode: each transaction is begun by name."""
    connection = sqlite3.connect(path, timeout=busy, isolation_level=None)
    # In write-ahead mode nothing is lost when a process dies, and no build waits for the disk.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def reading(history: History) -> Iterator[History]:
    """Read a history for a user who asked for it."""
    try:
        yield history
    except (sqlite3.Error, OSError, ValueError) as error:
        raise HistoryUnreadable(path=history.path, reason=error) from error


def _origin(fields: Sequence[Any]) -> Origin:
    project, target, branch, revision, dirty = fields
    return Origin(project, target, branch, revision, bool(dirty))


def _build(row: Sequence[Any]) -> Build:
    at, *origin, image_id, seconds, steps, fault, content, on_disk, on_wire, layers, packages = row
    image = None
    if content is not None:
        image = Weighed(
            image_id,
            content,
            on_disk,
            on_wire,
            tuple(LayerSize(*fields) for fields in json.loads(layers)),
            tuple(PackageSize(*fields) for fields in json.loads(packages)),
        )
    times = tuple(StepTime(*fields) for fields in json.loads(steps))
    return Build(at, _origin(origin), image_id, seconds, times, image, fault)
