"""The changes between two images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from drydock.image.anatomy import Anatomy
from drydock.image.file import File
from drydock.image.model import Image, Layer
from drydock.image.packages import Package, Source
from drydock.state.history import PackageSize

Sized = Package | PackageSize


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class PackageChange:
    change: Change
    source: Source
    name: str
    before: str  # version in the first image; empty if absent or unknown
    after: str  # the same in the second
    grown: int  # bytes by which the second image's is larger


@dataclass(frozen=True)
class FileChange:
    change: Change
    path: str
    # changed fields, such as ``mode`` or ``sha256``; empty when added or removed
    fields: tuple[str, ...]
    grown: int  # bytes by which the second image's is larger


@dataclass(frozen=True)
class Difference:
    """The second image's differences from the first."""

    on_disk: int  # growth in bytes
    on_wire: int  # growth in compressed bytes
    shared: tuple[Layer, ...]  # layers of both, lowest first: they are not sent again
    removed: tuple[Layer, ...]  # layers of the first alone
    added: tuple[Layer, ...]  # layers of the second alone
    packages: tuple[PackageChange, ...]  # largest growth first
    files: tuple[FileChange, ...]  # largest growth first

    @property
    def upload(self) -> int:
        """Bytes that a registry with the first image still needs for the second."""
        return sum({layer.diff_id: layer.on_wire for layer in self.added}.values())


def diff(first: Image, second: Image) -> Difference:
    """Compare two images from any sources."""
    old, new = Anatomy(first), Anatomy(second)
    had = {layer.diff_id for layer in first.layers}
    has = {layer.diff_id for layer in second.layers}
    before, after = (
        {(package.source, package.name): package for package in one.inventory.packages} for one in (old, new)
    )
    return Difference(
        on_disk=second.on_disk - first.on_disk,
        on_wire=second.on_wire - first.on_wire,
        shared=tuple(layer for layer in second.layers if layer.diff_id in had),
        removed=tuple(layer for layer in first.layers if layer.diff_id not in has),
        added=tuple(layer for layer in second.layers if layer.diff_id not in had),
        packages=package_changes(before, after),
        files=tuple(sorted(_files(old.tree, new.tree), key=lambda one: (-one.grown, one.path))),
    )


def package_changes(
    before: Mapping[tuple[Source, str], Sized], after: Mapping[tuple[Source, str], Sized]
) -> tuple[PackageChange, ...]:
    """Return the changed packages, largest growth first."""
    found = []
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        versions = (was.version if was else "", now.version if now else "")
        grown = (now.size if now else 0) - (was.size if was else 0)
        if was is None or now is None or grown or was.version != now.version:
            found.append(PackageChange(_change(was, now), *key, *versions, grown))
    return tuple(sorted(found, key=lambda one: (-one.grown, one.source, one.name)))


def _change(was: object, now: object) -> Change:
    return Change.ADDED if was is None else Change.REMOVED if now is None else Change.CHANGED


def _files(old: dict[str, File], new: dict[str, File]) -> Iterator[FileChange]:
    for path in old.keys() | new.keys():
        was, now = old.get(path), new.get(path)
        fields = changed_fields(was, now) if was and now else ()
        if was is None or now is None or fields:
            grown = (now.size if now else 0) - (was.size if was else 0)
            yield FileChange(_change(was, now), path, fields, grown)


def changed_fields(was: File, now: File) -> tuple[str, ...]:
    """Return the names of the fields that differ between two files, except for their layers."""
    names = ("kind", "size", "mode", "uid", "gid", "mtime", "link", "sha256")
    return tuple(name for name in names if getattr(was, name) != getattr(now, name))
