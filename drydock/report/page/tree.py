"""An image's files as one tree: layer, package, folder, file."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from drydock.image import Anatomy, File, Kind
from drydock.image.packages import Package
from drydock.report.size import printable

# Minimum sizes of separately drawn files, in bytes: the less room the page has, the later the entry used.
_LEAST_SIZES = (0, *(1 << power for power in range(8, 31)))


@dataclass(frozen=True)
class Node:
    name: str  # within its parent
    size: int  # bytes of all its files
    files: int  # number of its files
    children: tuple[Node, ...] = ()  # the largest first; empty for a file
    kind: str = ""  # a package's source, ``python``, ``debian`` or ``folder``; else empty

    def compact(self) -> list[Any]:
        """Return a list for JSON: name, size and, unless it is a single file, files, kind and children."""
        if self.files == 1 and not self.children:
            return [self.name, self.size]
        return [self.name, self.size, self.files, self.kind, [child.compact() for child in self.children]]


def grow(anatomy: Anatomy) -> Node:
    owners = {path: package for package in anatomy.inventory.packages for path in package.paths}
    by_layer: dict[str, list[File]] = defaultdict(list)
    for file in anatomy.tree.values():
        if file.kind is Kind.FILE and file.size:
            by_layer[file.layer].append(file)
    # By id: an image may hold the same layer twice, and its files come from either.
    layers = {layer.diff_id: layer.name for layer in anatomy.image.layers}
    nodes = [
        _parent(name, _packages(by_layer[diff_id], owners))
        for diff_id, name in layers.items()
        if by_layer[diff_id]
    ]
    return _parent(anatomy.image.reference, nodes)


def fitting(root: Node, room: int, write: Callable[[Any], str]) -> str:
    """Return a tree as text of at most `room` characters, with its smallest files summed up."""
    for least in _LEAST_SIZES:
        text = write(summed_up(root, least).compact())
        if len(text) <= room:
            return text
    return write(replace(root, children=()).compact())


def summed_up(node: Node, least: int) -> Node:
    """Return a tree whose nodes below ``least`` bytes are merged within their parent."""
    small = [child for child in node.children if child.size < least]
    if len(small) < 2:
        return replace(node, children=tuple(summed_up(child, least) for child in node.children))
    kept = tuple(summed_up(child, least) for child in node.children if child.size >= least)
    files = sum(child.files for child in small)
    kinds = {child.kind for child in small}
    kind = kinds.pop() if len(kinds) == 1 else ""
    rest = Node(f"{files} small files", sum(child.size for child in small), files, kind=kind)
    return replace(node, children=_sorted((*kept, rest)))


def _packages(files: Iterable[File], owners: dict[str, Package]) -> Iterator[Node]:
    grouped: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        package = owners[file.path]
        grouped[package.label, package.source.value].append(file)
    for (label, kind), members in grouped.items():
        top = posixpath.commonpath([posixpath.dirname(file.path) for file in members])
        yield replace(_folder(label, top, members), kind=kind)


def _folder(name: str, path: str, files: Iterable[File]) -> Node:
    """Return a folder, merged with its only entry if that is a folder."""
    here: list[Node] = []
    below: dict[str, list[File]] = defaultdict(list)
    prefix = path.rstrip("/") + "/"
    for file in files:
        first, deeper, _ = file.path.removeprefix(prefix).partition("/")
        if deeper:
            below[first].append(file)
        else:
            here.append(Node(printable(first), file.size, 1))
    folders = [_folder(first, prefix + first, members) for first, members in below.items()]
    if not here and len(folders) == 1:
        (only,) = folders
        return replace(only, name=f"{printable(name)}/{only.name}")
    return _parent(name, (*here, *folders))


def _parent(name: str, children: Iterable[Node]) -> Node:
    nodes = _sorted(children)
    size = sum(child.size for child in nodes)
    return Node(printable(name), size, sum(child.files for child in nodes), nodes)


def _sorted(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: (-node.size, node.name)))
