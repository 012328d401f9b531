"""What changed between two images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from drydock.image.anatomy import Anatomy
from drydock.image.file import File
from drydock.image.model import Image, Layer
from drydock.image.packages import Package, Source


class Change(StrEnum):
    """How a package or a file differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class PackageChange:
    """A package that differs.

    Args:
        change: How.
        source: Who names it.
        name: Its name.
        before: Its version in the first image; empty when it is not there or has none.
        after: The same in the second.
        grown: Bytes by which the second image's is larger.
    """

    change: Change
    source: Source
    name: str
    before: str
    after: str
    grown: int


@dataclass(frozen=True)
class FileChange:
    """A file that differs.

    Args:
        change: How.
        path: Where it is.
        fields: Which of its fields changed, such as ``mode`` or ``sha256``; empty when added or removed.
        grown: Bytes by which the second image's is larger.
    """

    change: Change
    path: str
    fields: tuple[str, ...]
    grown: int


@dataclass(frozen=True)
class Difference:
    """What the second image has that the first has not, and the other way round.

    Args:
        on_disk: Bytes that the second is larger on disk.
        on_wire: The same on the wire.
        shared: The layers of both, from the lowest: what is not sent again.
        removed: Layers of the first alone.
        added: Layers of the second alone.
        packages: Packages that differ, the largest growth first.
        files: Files that differ, the largest growth first.
    """

    on_disk: int
    on_wire: int
    shared: tuple[Layer, ...]
    removed: tuple[Layer, ...]
    added: tuple[Layer, ...]
    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...]

    @property
    def upload(self) -> int:
        """Bytes that a registry which has the first image has yet to get for the second."""
        return sum({layer.diff_id: layer.on_wire for layer in self.added}.values())


def diff(first: Image, second: Image) -> Difference:
    """Compare two images, wherever they were read from."""
    old, new = Anatomy(first), Anatomy(second)
    had = {layer.diff_id for layer in first.layers}
    has = {layer.diff_id for layer in second.layers}
    packages = _packages(old, new)
    files = _files(old.tree, new.tree)
    return Difference(
        on_disk=second.on_disk - first.on_disk,
        on_wire=second.on_wire - first.on_wire,
        shared=tuple(layer for layer in second.layers if layer.diff_id in had),
        removed=tuple(layer for layer in first.layers if layer.diff_id not in has),
        added=tuple(layer for layer in second.layers if layer.diff_id not in had),
        packages=tuple(sorted(packages, key=lambda one: (-one.grown, one.source, one.name))),
        files=tuple(sorted(files, key=lambda one: (-one.grown, one.path))),
    )


def _packages(old: Anatomy, new: Anatomy) -> Iterator[PackageChange]:
    before, after = _by_name(old), _by_name(new)
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        versions = (was.version if was else "", now.version if now else "")
        grown = (now.size if now else 0) - (was.size if was else 0)
        if was is None:
            yield PackageChange(Change.ADDED, *key, *versions, grown)
        elif now is None:
            yield PackageChange(Change.REMOVED, *key, *versions, grown)
        elif grown or was.version != now.version:
            yield PackageChange(Change.CHANGED, *key, *versions, grown)


def _by_name(anatomy: Anatomy) -> dict[tuple[Source, str], Package]:
    return {(package.source, package.name): package for package in anatomy.inventory.packages}


def _files(old: dict[str, File], new: dict[str, File]) -> Iterator[FileChange]:
    for path in old.keys() | new.keys():
        was, now = old.get(path), new.get(path)
        if was is None and now is not None:
            yield FileChange(Change.ADDED, path, (), now.size)
        elif was is not None and now is None:
            yield FileChange(Change.REMOVED, path, (), -was.size)
        elif was is not None and now is not None and (fields := changed_fields(was, now)):
            yield FileChange(Change.CHANGED, path, fields, now.size - was.size)


def changed_fields(was: File, now: File) -> tuple[str, ...]:
    """Return the names of the fields in which two files differ, but for the layers that hold them."""
    names = ("kind", "size", "mode", "uid", "gid", "mtime", "link", "sha256")
    return tuple(name for name in names if getattr(was, name) != getattr(now, name))
