"""Check and write output files such as the page."""

import os
import tempfile
from pathlib import Path

from drydock.errors import NotWritten


def check(path: Path) -> None:
    """Raise NotWritten for a path that cannot be written, before any work is wasted on it."""
    if path.exists():
        reason = "" if os.access(path, os.W_OK) and not path.is_dir() else "it is a folder or write-protected"
    else:
        folder = next(above for above in path.absolute().parents if above.exists())
        try:
            with tempfile.TemporaryFile(dir=folder):
                reason = ""
        except OSError as error:
            reason = error.strerror or str(error)
    if reason:
        raise NotWritten(path=path, reason=reason)


def write(path: Path, page: str) -> None:
    """Write the file atomically: a browser that reloads meanwhile sees the old page or the new one."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        if path.exists() and not path.is_file():
            path.write_text(page, encoding="utf-8")  # a pipe or a device must not be replaced
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise NotWritten(path=path, reason=error.strerror or error) from error
