"""An image's final tree with its packages, worked out once and only as far as it is asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from drydock.image.file import File, Kind
from drydock.image.model import Image, Layer
from drydock.image.packages import Inventory, Package, take_stock, top_level
from drydock.image.tree import Efficiency, duplicates, efficiency, merge, resolve


@dataclass(frozen=True)
class Reason:
    """Why a path is in an image.

    Args:
        file: The entry of the final tree.
        layer: The layer that it comes from.
        package: What it belongs to; None for a folder.
        hidden: Layers below, the nearest first, whose copy this one replaced.
    """

    file: File
    layer: Layer
    package: Package | None
    hidden: tuple[Layer, ...]


@dataclass(frozen=True)
class Anatomy:
    """What an image consists of.

    Args:
        image: The image.
    """

    image: Image

    @functools.cached_property
    def tree(self) -> dict[str, File]:
        """The final tree by path."""
        return merge(layer.files for layer in self.image.layers)

    @functools.cached_property
    def texts(self) -> dict[str, str]:
        """The content of the final tree's files that name packages, by path."""
        return {
            path: text
            for layer in self.image.layers
            for path, text in layer.texts.items()
            if path in self.tree and self.tree[path].layer == layer.diff_id
        }

    @functools.cached_property
    def inventory(self) -> Inventory:
        """Every file in exactly one package."""
        return take_stock(self.tree, self.texts)

    @functools.cached_property
    def top_level(self) -> dict[str, int]:
        """Bytes by top-level import package, and by package for all other files; the largest first."""
        return top_level(self.inventory, self.tree)

    @functools.cached_property
    def efficiency(self) -> Efficiency:
        """How much of what the layers store is needed."""
        return efficiency(self.image)

    @functools.cached_property
    def duplicates(self) -> list[tuple[File, ...]]:
        """Files of the same content under different paths, those that cost most first."""
        return duplicates(self.tree)

    def largest(self, count: int = 20) -> list[File]:
        """Return the largest files of the final tree."""
        files = (file for file in self.tree.values() if file.kind is Kind.FILE)
        return sorted(files, key=lambda file: (-file.size, file.path))[:count]

    def why(self, path: str) -> Reason | None:
        """Tell where a path comes from; None when the final tree has no such path, links followed."""
        file = self.tree.get(resolve(path, self.tree))
        if file is None:
            return None
        holders = [
            layer
            for layer in reversed(self.image.layers)
            if any(one.path == file.path for one in layer.files)
        ]
        own = next(layer for layer in holders if layer.diff_id == file.layer)
        below = holders[holders.index(own) + 1 :]
        return Reason(file, own, self.inventory.owner(file.path), tuple(below))
