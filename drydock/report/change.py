"""The changes since an earlier image: packages from the history, files from the cache of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drydock import image as images
from drydock.image import Image
from drydock.image.cache import Cache, user_cache
from drydock.image.compare import FileChange, PackageChange, package_changes
from drydock.image.model import Layer
from drydock.image.packages import Source
from drydock.state.history import Build, PackageSize, Weighed


@dataclass(frozen=True)
class Since:
    """An image against an earlier one; the largest growth comes first."""

    build: Build  # the build of the earlier image
    on_disk: int  # bytes by which the image is larger
    on_wire: int
    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...] | None  # None if the cache has forgotten the earlier image's


def since(build: Build, earlier: Weighed, now: Weighed, image: Image) -> Since:
    old = recall(earlier, image, user_cache())
    return Since(
        build,
        now.on_disk - earlier.on_disk,
        now.on_wire - earlier.on_wire,
        package_changes(_by_name(earlier), _by_name(now)),
        images.diff(old, image).files if old else None,
    )


def recall(earlier: Weighed, like: Image, cache: Cache) -> Image | None:
    """Rebuild an earlier image from cached layers, with another's configuration; None if one is missing."""
    layers = []
    for size in earlier.layers:
        record = cache.record(size.diff_id)
        if record is None:
            return None
        layers.append(Layer.of(size.instruction, record, size.on_wire))
    return Image(earlier.image_id, earlier.image_id, (), like.config, tuple(layers))


def _by_name(image: Weighed) -> Mapping[tuple[Source, str], PackageSize]:
    return {(Source(package.source), package.name): package for package in image.packages}
