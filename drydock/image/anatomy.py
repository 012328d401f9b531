"""An image's final tree with its packages, each computed once and on demand."""

import functools
from dataclasses import dataclass

from drydock.image.file import File, Kind
from drydock.image.model import Image, Layer
from drydock.image.packages import Inventory, Package, take_stock
from drydock.image.tree import Efficiency, efficiency, merge, resolve


@dataclass(frozen=True)
class Reason:
    file: File
    layer: Layer
    package: Package | None  # None for a folder
    hidden: tuple[Layer, ...]  # lower layers with a replaced copy, nearest first


@dataclass(frozen=True)
class Anatomy:
    image: Image

    @functools.cached_property
    def tree(self) -> dict[str, File]:
        return merge(layer.files for layer in self.image.layers)

    @functools.cached_property
    def texts(self) -> dict[str, str]:
        """The content of the final tree's files that name packages, by path."""
        return {
            path: text
            for layer in self.image.layers
            for path, text in layer.record.texts.items()
            if path in self.tree and self.tree[path].layer == layer.diff_id
        }

    @functools.cached_property
    def inventory(self) -> Inventory:
        """Every file, in exactly one package."""
        return take_stock(self.tree, self.texts)

    @functools.cached_property
    def efficiency(self) -> Efficiency:
        return efficiency(self.image)

    def largest(self, count: int = 20) -> list[File]:
        files = (file for file in self.tree.values() if file.kind is Kind.FILE)
        return sorted(files, key=lambda file: (-file.size, file.path))[:count]

    def why(self, path: str) -> Reason | None:
        """Tell where a path comes from, after following links; None if the final tree lacks it."""
        file = self.tree.get(resolve(path, self.tree))
        if file is None:
            return None
        layers = reversed(self.image.layers)
        holders = [layer for layer in layers if any(one.path == file.path for one in layer.files)]
        own = next(place for place, layer in enumerate(holders) if layer.diff_id == file.layer)
        return Reason(file, holders[own], self.inventory.owner(file.path), tuple(holders[own + 1 :]))
