"""The standard library's modules in the archive that every interpreter looks into first: pythonXY.zip.

Importing from it is Python's own zipimport; tracebacks and `inspect` show sources as they do from files. It
takes less than half of the space, and a layer rounds up each file's size: here are five hundred fewer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib.machinery import FrozenImporter
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from assemble import bytecode
from assemble.tree import Tree

OLDEST = (1980, 1, 1, 0, 0, 0)
MODE = 0o644
# Imported because of the archive itself, which was not there when imports were measured: what reads the
# dependencies' bytecode, and how archives spell names (importlib.metadata looks for distributions in it).
OWN = frozenset({"sitecustomize.py", "encodings/cp437.py"})


def archive() -> Path:
    """Return where this interpreter looks for its library's archive."""
    [found] = {path for path in sys.path if re.fullmatch(r"python\d+t?\.zip", Path(path).name)}
    return Path(found)


def modules(root: Path, files: Iterable[Path]) -> list[Path]:
    """Return the modules that can move into the archive.

    Args:
        root: The standard library's folder.
        files: What is kept of it. A package with files of another kind stays a folder: it may open them.
    """
    below = [path for path in files if path.is_relative_to(root)]
    with_data = {_top(root, path) for path in below if path.suffix not in (".py", ".so")}
    return [path for path in below if path.suffix == ".py" and _top(root, path) not in with_data]


def is_frozen(root: Path, module: Path) -> bool:
    """Tell whether the interpreter itself holds a module: its `__file__` is outside the archive all the same.

    One of these, os.py, is also the mark by which the interpreter knows the folder for its library.
    """
    name = ".".join(module.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    return FrozenImporter.find_spec(name) is not None


def pack(tree: Tree, sources: Mapping[str, bytes], profile: Collection[str] | None) -> Path:
    """Write the archive: every source, and before it the bytecode of those that were measured.

    Args:
        tree: Where the archive goes.
        sources: Content by path, relative to the library's folder.
        profile: The measured paths; None for all.

    Returns:
        The archive's path in the image.
    """
    place = archive()
    with ZipFile(tree.inside(place), "w") as file:
        for name, source in sorted(sources.items()):
            if profile is None or name in profile or name in OWN:
                _add(file, name + "c", bytecode.pyc(source, f"{place}/{name}"))
            _add(file, name, source)
    return place


def _add(file: ZipFile, name: str, content: bytes) -> None:
    entry = ZipInfo(name, OLDEST)
    entry.external_attr = MODE << 16
    file.writestr(entry, content, ZIP_DEFLATED, bytecode.LEVEL)


def _top(root: Path, path: Path) -> str:
    return path.relative_to(root).parts[0]
