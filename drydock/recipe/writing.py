"""Show the changes to a folder, and write all of them or none."""

import difflib
import errno
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drydock.recipe.errors import FileNotWritten


@dataclass(frozen=True)
class Change:
    """One file to write; `old` is None for a new file, and `lost` marks a loss of edits."""

    path: str
    old: str | None
    new: str
    lost: bool = False

    @property
    def difference(self) -> str:
        """The change as a unified diff."""
        before = (self.old or "").splitlines(keepends=True)
        name = "/dev/null" if self.old is None else self.path
        return "".join(difflib.unified_diff(before, self.new.splitlines(keepends=True), name, self.path))


def changes(root: Path, files: Mapping[str, str]) -> list[Change]:
    """Compare a folder with texts by path."""
    found = []
    for path, text in files.items():
        place = root / path
        old = place.read_text(encoding="utf-8", errors="replace") if place.is_file() else None
        if old != text:
            found.append(Change(path, old, text))
    return found


def write(root: Path, wanted: Sequence[Change]) -> None:
    """Write all files or none: each is complete in a temporary file before the first is renamed."""
    ready: list[tuple[Path, Path]] = []
    folders: list[Path] = []
    done: list[tuple[Path, bytes | None]] = []
    try:
        for change in wanted:
            place = root / change.path
            folders += _make_folder(place.parent)
            ready.append((_beside(place, change.new), place))
        for temporary, place in ready:
            done.append((place, place.read_bytes() if place.is_file() else None))
            temporary.replace(place)
    except BaseException:
        _undo(ready, done, folders)
        raise


def write_down(root: Path, wanted: Sequence[Change]) -> None:
    """Write all files of a project or none, and name the one that cannot be written."""
    try:
        write(root, wanted)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        path = error.filename2 or error.filename or root
        raise FileNotWritten(path=path, reason=error.strerror or error) from error


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and return the new ones, the outermost first."""
    missing = []
    place = folder
    while not place.exists():
        missing.append(place)
        place = place.parent
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _beside(place: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary = Path(name)
    temporary.chmod(place.stat().st_mode & 0o777 if place.is_file() else 0o644)
    return temporary


def _undo(
    ready: Sequence[tuple[Path, Path]], done: Sequence[tuple[Path, bytes | None]], folders: Sequence[Path]
) -> None:
    for place, old in reversed(done):
        if old is not None:
            place.write_bytes(old)
        elif not place.is_dir():  # a folder in the file's place was never replaced
            place.unlink(missing_ok=True)
    for temporary, _ in ready:
        temporary.unlink(missing_ok=True)
    for folder in reversed(folders):
        with suppress(OSError):  # another process may have put a file there
            folder.rmdir()
