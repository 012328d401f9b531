"""The file system of an image's layers together, and the bytes that they waste."""

import functools
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from drydock.image.file import File, Kind
from drydock.image.model import Image

_DELETIONS = (Kind.WHITEOUT, Kind.OPAQUE)
# Linux's own limit on symbolic links in one path.
_MOST_LINKS = 40


@dataclass(frozen=True)
class Waste:
    """A path with hidden or repeated bytes."""

    path: str
    wasted: int  # bytes beyond the smallest copy; all if the final tree lacks the path
    copies: int  # number of layers with the path


@dataclass(frozen=True)
class Efficiency:
    stored: int  # bytes of all files in all layers
    wasted: int  # bytes deleted or replaced by another layer
    paths: tuple[Waste, ...]  # most wasteful first

    @property
    def ratio(self) -> float:
        """The smallest size of each path, divided by the bytes in all layers; 1 without waste."""
        return 1 - self.wasted / self.stored if self.stored else 1.0


def merge(layers: Iterable[Iterable[File]]) -> dict[str, File]:
    """Return the final tree by path: each layer first deletes from those below, then adds its own."""
    tree: dict[str, File] = {}
    for layer in layers:
        files = list(layer)
        gone = {file.path for file in files if file.kind is Kind.WHITEOUT}
        emptied = {file.path for file in files if file.kind is Kind.OPAQUE}
        # A folder replaced by something else takes its content along.
        replaced = {
            file.path
            for file in files
            if file.kind not in (*_DELETIONS, Kind.FOLDER)
            and (old := tree.get(file.path)) is not None
            and old.kind is Kind.FOLDER
        }
        if gone or emptied or replaced:
            tree = {path: file for path, file in tree.items() if not _is_gone(path, gone, emptied | replaced)}
        tree.update((file.path, file) for file in files if file.kind not in _DELETIONS)
    return tree


def _is_gone(path: str, gone: set[str], emptied: set[str]) -> bool:
    return path in gone or any(parent in gone or parent in emptied for parent in parents(path))


def parents(path: str) -> Iterator[str]:
    """Yield the folders above a path, nearest first."""
    while path != "/":
        path = posixpath.dirname(path)
        yield path


def efficiency(image: Image) -> Efficiency:
    tree = merge(layer.files for layer in image.layers)
    copies: dict[str, list[int]] = defaultdict(list)
    for layer in image.layers:
        # A path that is twice in an archive is stored twice.
        for file in layer.files:
            if file.kind is Kind.FILE:
                copies[file.path].append(file.size)
    wastes = []
    for path, sizes in copies.items():
        final = tree.get(path)
        needed = min(sizes) if final is not None and final.kind is Kind.FILE else 0
        if sum(sizes) > needed:
            wastes.append(Waste(path, sum(sizes) - needed, len(sizes)))
    wastes.sort(key=lambda waste: (-waste.wasted, waste.path))
    return Efficiency(
        stored=sum(sum(sizes) for sizes in copies.values()),
        wasted=sum(waste.wasted for waste in wastes),
        paths=tuple(wastes),
    )


def resolve(path: str, tree: Mapping[str, File]) -> str:
    """Follow symbolic links in a path's folders, but not in the last name; return circles as given."""
    done = "/"
    left = [name for name in path.split("/") if name]
    for _ in range(_MOST_LINKS):
        while left:
            step = posixpath.normpath(posixpath.join(done, left[0]))
            file = tree.get(step)
            if len(left) > 1 and file is not None and file.kind is Kind.SYMLINK:
                break
            done, left = step, left[1:]
        else:
            return done
        left = [*(name for name in file.link.split("/") if name), *left[1:]]
        done = "/" if file.link.startswith("/") else done
    return path


def resolver(tree: Mapping[str, File]) -> Callable[[str], str]:
    """Return `resolve` for many paths of a tree: the links above a folder are followed once."""

    @functools.cache
    def followed(folder: str) -> str:
        found = resolve(f"{folder}/-", tree)
        return found[:-1] if found.endswith("/-") else ""

    def find(path: str) -> str:
        folder, _, name = path.rpartition("/")
        start = "" if name in ("", ".", "..") else followed(folder)
        return f"{start}{name}" if start else resolve(path, tree)

    return find
