"""What changed since an earlier image: packages from the history, files from the cache of layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drydock import image as images
from drydock.image import Image
from drydock.image.cache import Cache, user_cache
from drydock.image.compare import Change, FileChange, PackageChange
from drydock.image.model import Layer
from drydock.image.packages import Source
from drydock.state.history import Build, PackageSize, Weighed


@dataclass(frozen=True)
class Since:
    """An image against the one before.

    Args:
        build: The build that made the earlier image.
        on_disk: Bytes by which the image is larger on disk.
        on_wire: The same on the wire.
        packages: Packages that differ, the largest growth first.
        files: Files that differ, the largest growth first; None when the earlier image's are forgotten.
    """

    build: Build
    on_disk: int
    on_wire: int
    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...] | None


def since(build: Build, earlier: Weighed, now: Weighed, image: Image) -> Since:
    """Compare an image with the one of an earlier build.

    Args:
        build: The earlier build.
        earlier: What its image weighed.
        now: What the image weighs.
        image: The image.
    """
    old = recall(earlier, image, user_cache())
    return Since(
        build,
        now.on_disk - earlier.on_disk,
        now.on_wire - earlier.on_wire,
        tuple(sorted(_packages(earlier, now), key=lambda one: (-one.grown, one.source, one.name))),
        images.diff(old, image).files if old else None,
    )


def recall(earlier: Weighed, like: Image, cache: Cache) -> Image | None:
    """Return an image that the engine may have lost, by its layers; None when one of them is forgotten.

    Args:
        earlier: The image.
        like: One whose configuration stands in for the forgotten one.
        cache: The cache of layers.
    """
    layers = []
    for size in earlier.layers:
        record = cache.record(size.diff_id)
        if record is None:
            return None
        layers.append(Layer(size.diff_id, size.instruction, size.on_disk, size.on_wire, record))
    return Image(earlier.image_id, earlier.image_id, (), like.config, tuple(layers))


def _packages(earlier: Weighed, now: Weighed) -> Iterator[PackageChange]:
    before, after = _by_name(earlier), _by_name(now)
    for source, name in before.keys() | after.keys():
        was, is_now = before.get((source, name)), after.get((source, name))
        grown = (is_now.size if is_now else 0) - (was.size if was else 0)
        versions = (was.version if was else "", is_now.version if is_now else "")
        if was is None:
            change = Change.ADDED
        elif is_now is None:
            change = Change.REMOVED
        elif grown or versions[0] != versions[1]:
            change = Change.CHANGED
        else:
            continue
        yield PackageChange(change, Source(source), name, *versions, grown)


def _by_name(image: Weighed) -> dict[tuple[str, str], PackageSize]:
    return {(package.source, package.name): package for package in image.packages}
