"""A root file system in the making, filled with files of the system that this process runs on."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path


class Tree:
    """A folder that becomes a root file system.

    Args:
        root: The folder.
        below: Root file systems that will lie under this one; what they hold is not taken again.
    """

    def __init__(self, root: Path, below: tuple[Path, ...] = ()) -> None:
        self.root = root
        self.below = below
        root.mkdir(parents=True, exist_ok=True)

    def inside(self, path: Path) -> Path:
        """Return where an absolute path lies in this tree."""
        return self.root / path.relative_to("/")

    def has(self, path: Path) -> bool:
        """Tell whether this tree or one below it holds a path, itself and not what it may link to."""
        return any(os.path.lexists(root / path.relative_to("/")) for root in (self.root, *self.below))

    def take(self, path: Path) -> None:
        """Copy one file of the running system, with every link on the way to it and to what it links to."""
        here = Path("/")
        for part in path.parts[1:]:
            here /= part
            if here.is_symlink():
                self._link(here)
                target = here.parent / here.readlink()
                rest = path.relative_to(here)
                self.take(Path(os.path.normpath(target)) / rest)
                return
            if here.is_dir():
                self._folder(here)
        if path.is_file() and not self.has(path):
            shutil.copy2(path, self.inside(path))

    def take_all(self, folder: Path, wanted: Callable[[Path], bool] = lambda _: True) -> None:
        """Copy a folder without what is not wanted; a folder that is not wanted is not entered."""
        for path in walk(folder, wanted):
            self.take(path)

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Write a file of our own."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)

    def link(self, path: Path, target: str) -> None:
        """Make a link of our own."""
        place = self.inside(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)

    def files(self) -> Iterator[Path]:
        """Yield the absolute path of every file and link in this tree, as it will be in the image."""
        for path in walk(self.root):
            yield Path("/") / path.relative_to(self.root)

    def _folder(self, path: Path) -> None:
        place = self.inside(path)
        if not place.is_dir():
            place.mkdir()
            place.chmod(stat.S_IMODE(path.stat().st_mode))

    def _link(self, path: Path) -> None:
        if not self.has(path):
            self.inside(path.parent).mkdir(parents=True, exist_ok=True)
            self.inside(path).symlink_to(path.readlink())


def walk(folder: Path, wanted: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """Yield the files and links under a folder, in one order on every machine."""
    for path in sorted(folder.iterdir()):
        if not wanted(path):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from walk(path, wanted)
        else:
            yield path
