"""Builds and verdicts of this machine, for the trend of sizes and times.

The database is SQLite in write-ahead mode, so readers and a writer do not block each other. Each process
opens it for one transaction at a time; a killed process leaves no partial transaction.
"""

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
# Another process's transaction takes milliseconds; after this long it is stuck.
BUSY_SECONDS = 2.0
_BUILD = "b.at, b.project, b.target, b.branch, b.revision, b.dirty, b.image_id, b.seconds, b.steps, b.fault"
_IMAGE = "i.content, i.on_disk, i.on_wire, i.layers, i.packages"

# Entry n migrates version n to n + 1; `PRAGMA user_version` holds a database's version. Values that are only
# read as a whole (a build's steps, an image's layers, a verdict) are JSON.
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
    """The source of a build or verdict; `project` is the image's name, equal in every clone and worktree."""

    project: str
    target: str
    branch: str = ""
    revision: str = ""
    dirty: bool = False


@dataclass(frozen=True)
class StepTime:
    """The time of one build step; 0.0 seconds if cached."""

    stage: str
    instruction: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class LayerSize:
    """A layer's bytes: of its tar archive on disk, and compressed on the wire."""

    diff_id: str
    instruction: str
    on_disk: int
    on_wire: int


@dataclass(frozen=True)
class PackageSize:
    """A package's bytes; `source` is ``python``, ``debian`` or ``folder``."""

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
    """One build and its image, if weighed; the id is empty for several platforms and for failures."""

    at: float
    origin: Origin
    image_id: str
    seconds: float
    steps: tuple[StepTime, ...] = ()
    image: Weighed | None = None
    fault: str = ""

    @property
    def cached(self) -> int:
        return sum(step.cached for step in self.steps)


@dataclass(frozen=True)
class Judged:
    """A gate's verdict without its evidence: a log may hold secrets."""

    at: float
    origin: Origin
    content: str
    verdict: Verdict


class NewerDatabase(sqlite3.DatabaseError):
    """A later version of drydock wrote the database."""


def version(connection: sqlite3.Connection) -> int:
    """Return a database's version; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Upgrade a database to this version, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read inside the transaction: another process may have migrated it meanwhile.
        found = version(connection)
        if found > len(migrations):
            raise NewerDatabase(f"its version is {found}, and this drydock knows {len(migrations)}")
        for script in migrations[found:]:
            # Not executescript(), which commits first.
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def default_path() -> Path:
    return state.folder("history.sqlite3")


class History:
    """The builds and verdicts of one user on one machine."""

    def __init__(self, path: Path | None = None, busy: float = BUSY_SECONDS) -> None:
        self.path = path or default_path()
        self._busy = busy

    def add_build(self, build: Build) -> None:
        """Add a build, and delete old entries."""
        steps = json.dumps([astuple(step) for step in build.steps])
        row = (build.at, *astuple(build.origin), build.image_id, build.seconds, steps, build.fault)
        columns = "at, project, target, branch, revision, dirty, image_id, seconds, steps, fault"
        self._insert(f"INSERT INTO builds ({columns})", row, build.at)

    def add_image(self, image: Weighed) -> None:
        """Add an image's sizes; later figures replace earlier ones."""
        texts = (json.dumps([astuple(one) for one in some]) for some in (image.layers, image.packages))
        row = (image.image_id, image.content, image.on_disk, image.on_wire, *texts)
        self._insert("INSERT OR REPLACE INTO images", row)

    def add_verdict(self, judged: Judged) -> None:
        """Add a gate's verdict, and delete old entries."""
        verdict = replace(judged.verdict, evidence="").dumps()
        row = (judged.at, *astuple(judged.origin), judged.content, judged.verdict.gate, verdict)
        columns = "at, project, target, branch, revision, dirty, content, gate, verdict"
        self._insert(f"INSERT INTO verdicts ({columns})", row, judged.at)

    def _insert(self, into: str, row: Sequence[object], at: float = 0.0) -> None:
        """Add a row; once a day, delete builds and verdicts that are too old, and images without a build."""
        with self._transaction() as connection:
            connection.execute(f"{into} VALUES ({', '.join('?' * len(row))})", row)
            oldest = at - KEPT_SECONDS
            # Going through ten thousand images takes as long as a build.
            for table in ("builds", "verdicts"):
                (first,) = connection.execute(f"SELECT MIN(at) FROM {table}").fetchone()  # noqa: S608
                if first is not None and first < oldest - state.DAY:
                    connection.execute(f"DELETE FROM {table} WHERE at < ?", (oldest,))  # noqa: S608
                    unused = "image_id NOT IN (SELECT image_id FROM builds)"
                    connection.execute(f"DELETE FROM images WHERE {unused}")  # noqa: S608

    def knows(self, image_id: str, on_disk: int, on_wire: int) -> bool:
        """Tell whether an image is known with these sizes: the one on the wire depends on the compression."""
        query = "SELECT 1 FROM images WHERE image_id = ? AND on_disk = ? AND on_wire = ?"
        return bool(self._rows(query, image_id, on_disk, on_wire))

    def builds(self, project: str, target: str = "", limit: int = -1, *, failed: bool = False) -> list[Build]:
        """Return builds, newest first; all if the limit is negative."""
        chosen = "b.project = ? AND (? IN ('', b.target)) AND (? OR b.fault = '')"
        where = f"{chosen} ORDER BY b.at DESC, b.id DESC LIMIT ?"
        return self._builds(where, project, target, failed, limit)

    def before(self, project: str, target: str, content: str) -> Build | None:
        """Return the newest weighed build with other content, even of a later commit."""
        where = "b.project = ? AND b.target = ? AND i.content != ? ORDER BY b.at DESC, b.id DESC LIMIT 1"
        return next(iter(self._builds(where, project, target, content)), None)

    def latest_verdicts(self, project: str, target: str = "") -> list[Judged]:
        """Return each gate's newest verdict on a target, or on every target."""
        newest = (
            "SELECT MAX(id) FROM verdicts WHERE project = ? AND (? IN ('', target)) GROUP BY target, gate"
        )
        return self._verdicts(f"id IN ({newest}) ORDER BY at DESC, id DESC", project, target)

    def verdicts_of(self, gate: str, project: str, target: str) -> list[Judged]:
        """Return a gate's verdicts on a target, newest first."""
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
        """Return a query's rows; none if there is no database yet."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self.path.exists():
            self._create()
        with self._open() as connection:
            # IMMEDIATE: a transaction that starts with a read cannot wait to write.
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
        """Make the database under another name, then link it into place: of two processes, the first wins."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp() lets only the owner read the file.
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".history-")
        os.close(descriptor)
        try:
            with closing(_connect(Path(name), self._busy)) as connection:
                # The mode persists in the file; switching a database in use would have to wait.
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection)
            with suppress(FileExistsError):
                os.link(name, self.path)
        finally:
            Path(name).unlink(missing_ok=True)


def _connect(path: Path, busy: float) -> sqlite3.Connection:
    """Open a database in autocommit mode: each transaction is begun explicitly."""
    connection = sqlite3.connect(path, timeout=busy, isolation_level=None)
    # In write-ahead mode a killed process loses nothing, and no build waits for the disk.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def reading(history: History) -> Iterator[History]:
    """Turn a failed read, which the user asked for, into HistoryUnreadable."""
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
