"""A root file system that is filled with files of the running system."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from assemble import elf


class Tree:
    """A folder that becomes a root file system.

    Files of the root file systems in `below`, which will be the layers under it, are not taken again.
    """

    def __init__(self, root: Path, below: tuple[Path, ...] = ()) -> None:
        self.root = root
        self.below = below
        self._plain: set[Path] = set()
        self._binaries: set[Path] = set()
        root.mkdir(parents=True, exist_ok=True)

    def inside(self, path: Path) -> Path:
        """Return an absolute path's place in this tree."""
        return Path(f"{self.root}{path}")

    def has(self, path: Path) -> bool:
        """Tell whether this tree or one below it holds a path; a link's target need not exist."""
        return any(os.path.lexists(f"{root}{path}") for root in (self.root, *self.below))

    def take(self, path: Path) -> None:
        """Copy one file of the running system, with every link on the way to it and its own target."""
        if path.parent in self._plain:
            self._take_from_plain(path)
            return
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
        self._plain.add(path.parent)
        self._take_from_plain(path)

    def _take_from_plain(self, path: Path) -> None:
        """Copy a file whose folder has been copied and is reached without links."""
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # behind a link that leads nowhere
            return
        if stat.S_ISLNK(mode):
            self._link(path)
            self.take(Path(os.path.normpath(path.parent / path.readlink())))
        elif stat.S_ISREG(mode) and not self.has(path):
            self._copy(path, stat.S_IMODE(mode))

    def _copy(self, path: Path, mode: int) -> None:
        """Copy content and mode only: there are thousands of files, and their times are set later."""
        content = path.read_bytes()
        with self.inside(path).open("xb") as target:
            target.write(content)
            os.fchmod(target.fileno(), mode)
        if content.startswith(elf.MAGIC):
            self._binaries.add(path)

    def take_all(self, folder: Path) -> None:
        for path in walk(folder):
            self.take(path)

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Write a file of drydock's own."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)

    def link(self, path: Path, target: str) -> None:
        """Make a link of drydock's own."""
        place = self.inside(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)

    def folder(self, path: Path) -> None:
        """Make a folder of the running system with its mode, but without its content."""
        for part in (*reversed([*path.parents][:-1]), path) if path.is_dir() else ():
            self._link(part) if part.is_symlink() else self._folder(part)

    def files(self) -> Iterator[Path]:
        """Yield the absolute path in the image of every file and link in this tree."""
        for path in walk(self.root):
            yield Path(str(path).removeprefix(str(self.root)))

    def prune(self) -> None:
        """Remove empty folders: `take` makes them on the way to files that a tree below holds already.

        Engines disagree on whether a layer names a folder that is unchanged: containerd omits it.
        """
        for folder, _, _ in os.walk(self.root, topdown=False):
            if folder != str(self.root) and not os.listdir(folder):  # noqa: PTH208 - a name is enough
                os.rmdir(folder)  # noqa: PTH106 - as os.walk names it

    def binaries(self) -> list[Path]:
        """Return the absolute paths of the programs and libraries that this tree took and still holds."""
        return [path for path in sorted(self._binaries) if elf.is_elf(self.inside(path))]

    def _folder(self, path: Path) -> None:
        place = self.inside(path)
        if not place.is_dir():
            place.mkdir()
            place.chmod(stat.S_IMODE(path.stat().st_mode))

    def _link(self, path: Path) -> None:
        if not self.has(path):
            self.inside(path.parent).mkdir(parents=True, exist_ok=True)
            self.inside(path).symlink_to(path.readlink())


def walk(folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Path]:
    """Yield the files and links under a folder, in the same order on every machine.

    An unwanted folder is not entered. Paths stay plain strings until the end: there are tens of thousands.
    """
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if not wanted(entry.path):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path), wanted)
        else:
            yield Path(entry.path)
