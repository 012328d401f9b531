"""A root file system that is filled with files of the running system."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from assemble import elf, times


class Tree:
    """A folder that becomes a root file system.

    Files of the root file systems in `below`, which will be the layers under it, are not taken again.
    A file gets the time of its content when it is written. The fast ways use plain strings for paths: there
    are tens of thousands.
    """

    def __init__(self, root: Path, below: tuple[Path, ...] = ()) -> None:
        self.root = root
        self.below = below
        self._plain: set[str] = set()
        self._folders: set[Path] = set()
        self._binaries: set[Path] = set()
        root.mkdir(parents=True, exist_ok=True)

    def inside(self, path: Path) -> Path:
        """Return an absolute path's place in this tree."""
        return Path(f"{self.root}{path}")

    def has(self, path: str | Path) -> bool:
        """Tell whether this tree or one below it holds a path; a link's target need not exist."""
        return any(os.path.lexists(f"{root}{path}") for root in (self.root, *self.below))

    def take(self, path: Path) -> None:
        """Copy one file of the running system, with every link on the way to it and its own target."""
        name = str(path)
        if os.path.dirname(name) in self._plain:  # noqa: PTH120
            self._take_from_plain(name)
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
        self._plain.add(str(path.parent))
        self._take_from_plain(name)

    def _take_from_plain(self, name: str) -> None:
        """Copy a file whose folder has been copied and is reached without links."""
        try:
            mode = os.lstat(name).st_mode
        except FileNotFoundError:  # behind a link that leads nowhere
            return
        if stat.S_ISLNK(mode):
            path = Path(name)
            self._link(path)
            self.take(Path(os.path.normpath(path.parent / path.readlink())))
        elif stat.S_ISREG(mode) and not self.has(name):
            self._copy(name, stat.S_IMODE(mode))

    def _copy(self, name: str, mode: int) -> None:
        with open(name, "rb") as source:  # noqa: PTH123
            content = source.read()
        place = f"{self.root}{name}"
        with open(place, "xb") as target:  # noqa: PTH123
            target.write(content)
            os.fchmod(target.fileno(), mode)
        times.give(place, content)
        if content.startswith(elf.MAGIC):
            self._binaries.add(Path(name))

    def take_all(self, folder: Path) -> None:
        for path in walk(folder):
            self.take(path)

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Write a file of drydock's own."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)
        times.give(target, content.encode())

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

    def files(self, outside: Path | None = None) -> Iterator[Path]:
        """Yield the absolute path in the image of every file and link that is not in the folder `outside`."""
        unwanted = f"{self.root}{outside}"
        for path in walk(self.root, lambda name: name != unwanted):
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
        if path not in self._folders:
            self._folders.add(path)
            place = self.inside(path)
            # Bytecode may be there already.
            place.mkdir(exist_ok=True)
            place.chmod(stat.S_IMODE(path.stat().st_mode))

    def _link(self, path: Path) -> None:
        if not self.has(path):
            self.inside(path.parent).mkdir(parents=True, exist_ok=True)
            self.inside(path).symlink_to(path.readlink())


def walk(folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Path]:
    """Yield the files and links under a folder, in the same order on every machine.

    An unwanted folder is not entered.
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
