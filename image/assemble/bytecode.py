"""Bytecode for the modules that were measured to matter, compressed into one archive a layer.

Plain .pyc files of these modules would be a fifth of the image. `sitecustomize.py` reads the archive.
Its form: eight bytes with the length of the index, the index (marshal: path to offset and length), the code
objects (marshal, then zlib).
"""

from __future__ import annotations

import marshal
import py_compile
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source, source_from_cache
from pathlib import Path
from types import CodeType

from assemble.tree import Tree

ARCHIVE = "bytecode.archive"
LEVEL = 9
PYC_HEADER = 16

# Imported before `sitecustomize` is, or by the health probe, which runs without it: these get .pyc files.
EARLY = "import importlib.machinery, site, socket"


def measured(profile: Path) -> frozenset[str] | None:
    """Return the source files whose import was measured; None where nothing was, which means all of them."""
    return frozenset(profile.read_text().split()) if profile.exists() else None


def write(tree: Tree, root: Path, sources: Iterable[Path], profile: frozenset[str] | None) -> None:
    """Compile what the profile names and put the archive beside it.

    Args:
        tree: Where the archive goes.
        root: The folder that the profile's paths are relative to.
        sources: Candidates, as absolute paths of the running system.
        profile: The measured paths; None for all.
    """
    names = {str(source.relative_to(root)): source for source in sorted(sources) if source.suffix == ".py"}
    wanted = {name: source for name, source in names.items() if profile is None or name in profile}
    index: dict[str, tuple[int, int]] = {}
    body = bytearray()
    # zlib lets go of the interpreter's lock: every core compresses.
    with ThreadPoolExecutor() as pool:
        for name, code in zip(wanted, pool.map(_compress, _dumped(wanted.values())), strict=True):
            index[name] = (len(body), len(code))
            body += code
    head = marshal.dumps(index)
    tree.inside(root / ARCHIVE).write_bytes(len(head).to_bytes(8, "little") + head + body)


def _dumped(sources: Iterable[Path]) -> Iterator[bytes]:
    """Yield marshalled code, one after another: what marshal writes depends on what else is alive."""
    for source in sources:
        yield marshal.dumps(compiled(source))


def _compress(code: bytes) -> bytes:
    return zlib.compress(code, LEVEL)


def compiled(source: Path) -> CodeType:
    """Return a module's code object: the installer's, where it left one, else our own."""
    cached = Path(cache_from_source(source))
    if cached.exists():
        code: CodeType = marshal.loads(cached.read_bytes()[PYC_HEADER:])  # noqa: S302 - of this very build
        return code
    return compile(source.read_bytes(), str(source), "exec", dont_inherit=True, optimize=0)


def write_early(tree: Tree, customization: Path) -> None:
    """Write the .pyc files of what is imported before the archive can be read."""
    script = f"{EARLY}; import sys; print(*(getattr(m, '__cached__', None) for m in sys.modules.values()))"
    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    sources = {Path(source_from_cache(name)) for name in printed.stdout.split() if name.endswith(".pyc")}
    for source in sorted(sources | {customization}):
        py_compile.compile(
            str(tree.inside(source)),
            dfile=str(source),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
