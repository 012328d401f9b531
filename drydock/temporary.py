"""Temporary folders, which a killed process does not leave for long."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "drydock-tmp-"
# Between a folder's creation and its lock.
YOUNG_SECONDS = 60


@contextmanager
def folder(name: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder, and remove it at the end.

    Args:
        name: Part of the folder's name, such as ``image``.
        parent: The system's folder for temporary files by default.
    """
    parent = parent or Path(tempfile.gettempdir())
    _sweep(parent)
    with (
        tempfile.TemporaryDirectory(prefix=f"{PREFIX}{name}-", dir=parent) as made,
        _open(Path(made)) as mark,
    ):
        # The system drops the lock with the process. A network's file system may lack locks, and keeps all.
        with contextlib.suppress(OSError):
            fcntl.flock(mark, fcntl.LOCK_SH)
        yield Path(made)


@contextmanager
def _open(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    """Remove the folders that no process holds."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _open(path) as mark:
            if time.time() - os.fstat(mark).st_ctime > YOUNG_SECONDS and not _mounted(path):
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)


def _mounted(path: Path) -> bool:
    """Tell whether something is mounted below a folder, as in a system that was being made."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    return any(line.split(" ")[1].startswith(f"{path}/") for line in mounts.splitlines())
