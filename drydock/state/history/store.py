"""The history's database: SQLite in write-ahead mode, so that readers and a writer need not wait.

Each process opens it for one transaction at a time. A process that is killed in the middle of one leaves
nothing of it behind.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from drydock import state
from drydock.state.errors import HistoryUnreadable
from drydock.state.history.model import Build, Judged, LayerSize, Origin, PackageSize, StepTime, Weighed
from drydock.state.history.schema import MIGRATIONS, migrate, version
from drydock.verdict import Verdict

KEPT_SECONDS = state.TABLE["history"].days * state.DAY
# Another process's transaction takes milliseconds; who waits longer than this has met a stuck one.
BUSY_SECONDS = 2.0
_BUILD = "b.at, b.project, b.target, b.branch, b.revision, b.dirty, b.image_id, b.seconds, b.steps, b.fault"
_IMAGE = "i.content, i.on_disk, i.on_wire, i.layers, i.packages"


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
        with self._transaction() as connection:
            connection.execute(f"INSERT INTO builds ({columns}) VALUES ({_marks(row)})", row)  # noqa: S608
            _prune(connection, build.at - KEPT_SECONDS)

    def add_image(self, image: Weighed) -> None:
        """Remember what an image weighs; later figures replace earlier ones."""
        texts = (json.dumps([astuple(one) for one in some]) for some in (image.layers, image.packages))
        row = (image.image_id, image.content, image.on_disk, image.on_wire, *texts)
        with self._transaction() as connection:
            connection.execute(f"INSERT OR REPLACE INTO images VALUES ({_marks(row)})", row)  # noqa: S608

    def add_verdict(self, judged: Judged) -> None:
        """Remember what a gate said, and forget what is too old."""
        verdict = replace(judged.verdict, evidence="").dumps()
        row = (judged.at, *astuple(judged.origin), judged.content, judged.verdict.gate, verdict)
        columns = "at, project, target, branch, revision, dirty, content, gate, verdict"
        with self._transaction() as connection:
            connection.execute(f"INSERT INTO verdicts ({columns}) VALUES ({_marks(row)})", row)  # noqa: S608
            _prune(connection, judged.at - KEPT_SECONDS)

    def knows(self, image_id: str, on_disk: int, on_wire: int) -> bool:
        """Tell whether an image is known with these sizes: another compression gives another on the wire."""
        query = "SELECT 1 FROM images WHERE image_id = ? AND on_disk = ? AND on_wire = ?"
        return bool(self._rows(query, image_id, on_disk, on_wire))

    def builds(self, project: str, target: str = "", limit: int = -1, *, failed: bool = False) -> list[Build]:
        """Return builds, the newest first.

        Args:
            limit: How many at most; all of them when below 0.
        """
        chosen = "b.project = ? AND (? IN ('', b.target)) AND (? OR b.fault = '')"
        where = f"{chosen} ORDER BY b.at DESC, b.id DESC LIMIT ?"
        return self._builds(where, project, target, failed, limit)

    def before(self, project: str, target: str, content: str) -> Build | None:
        """Return the newest weighed build of other content; None where there is none.

        Who goes back to an earlier commit compares with what was built in between.
        """
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


def _marks(row: Sequence[object]) -> str:
    return ", ".join("?" * len(row))


def _prune(connection: sqlite3.Connection, oldest: float) -> None:
    """Forget builds and verdicts of before a time, and images that no build names any more."""
    connection.execute("DELETE FROM verdicts WHERE at < ?", (oldest,))
    if connection.execute("DELETE FROM builds WHERE at < ?", (oldest,)).rowcount:
        connection.execute("DELETE FROM images WHERE image_id NOT IN (SELECT image_id FROM builds)")


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
