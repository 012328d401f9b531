"""A folder of files that outlast processes, are complete or missing, and together stay near a size."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# How often the size is added up while as much as the largest size is written: the folder may hold tens of
# thousands of files, and each build writes some.
LOOKS = 100


class Store:
    """Files by name; the least recently used are removed first, at the latest a few writes too late.

    Several processes may use a folder at once: a file gets its name when it is complete, and never changes
    afterwards. A file whose writer was killed has no name, and is removed in turn.
    """

    def __init__(self, folder: Path, largest: float) -> None:
        self._folder = folder
        self._largest = largest

    def path(self, name: str) -> Path | None:
        path = self._folder / name
        try:
            os.utime(path)  # the time of the last use, for pruning
        except OSError:
            return None
        return path

    def read(self, name: str) -> bytes | None:
        path = self.path(name)
        try:
            return path.read_bytes() if path else None
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Store a file; a folder that is not writable is not an error."""
        try:
            with self.making() as file:
                file.write(data)
                self.keep(file, name)
        except OSError:
            return

    @contextmanager
    def making(self) -> Iterator[IO[bytes]]:
        """Yield a new file without a name, which is removed unless `keep` names it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)

    def keep(self, file: IO[bytes], name: str) -> None:
        """Name a file that `making` yielded."""
        file.flush()
        size = Path(file.name).replace(self._folder / name).stat().st_size
        if random.random() * self._largest < size * LOOKS:  # noqa: S311 - not a secret
            self._prune()

    def _prune(self) -> None:
        entries = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process pruned it
                entries.append((path.stat(), path))
        total = 0
        for stat, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns, reverse=True):
            total += stat.st_size
            if total > self._largest:
                path.unlink(missing_ok=True)
