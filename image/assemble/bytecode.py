"""Bytecode for the modules that were measured to matter.

The standard library's stands in its archive (library.py). That of the dependencies is compressed into one
file of our own, which `sitecustomize.py` reads: plain .pyc files would be a fifth of the image. Its form:
eight bytes with the length of the head; the head (marshal: offset and length of each by path, and the
dictionary that the compression begins with); the code objects (marshal, then raw deflate).
"""

from __future__ import annotations

import marshal
import py_compile
import sysconfig
import tempfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType

from assemble.tree import Tree

ARCHIVE = "bytecode.archive"
LEVEL = MEMORY = 9
RAW = -zlib.MAX_WBITS
WINDOW = 1 << zlib.MAX_WBITS
PYC_HEADER = 16
# The module whose name holds the architecture: what was measured on one counts for every other.
PER_ARCHITECTURE = "_sysconfigdata_"
# What the dictionary is made of: the beginnings of modules that are neither trivial nor large.
TYPICAL = range(1500, 6000)
BEGINNING = 2000


def measured(profile: Path) -> frozenset[str] | None:
    """Return the source files whose import was measured; None where nothing was, which means all of them."""
    if not profile.exists():
        return None
    names = set(profile.read_text().split())
    if any(name.startswith(PER_ARCHITECTURE) for name in names):
        library = Path(sysconfig.get_path("stdlib"))
        names |= {path.name for path in library.glob(f"{PER_ARCHITECTURE}*.py")}
    return frozenset(names)


def pyc(source: bytes, shown: str) -> bytes:
    """Return a module's .pyc file, which never looks at its source again.

    Args:
        source: The module's text.
        shown: The path that tracebacks show.
    """
    with tempfile.TemporaryDirectory() as folder:
        module, compiled = Path(folder, "module.py"), Path(folder, "module.pyc")
        module.write_bytes(source)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(module), str(compiled), shown, doraise=True, invalidation_mode=mode)
        return compiled.read_bytes()


def write(tree: Tree, root: Path, sources: Iterable[Path], profile: Collection[str] | None) -> None:
    """Compile what the profile names and put the archive beside it.

    Args:
        tree: Where the archive goes.
        root: The folder that the profile's paths are relative to.
        sources: Candidates, as absolute paths of the running system.
        profile: The measured paths; None for all.
    """
    names = {str(source.relative_to(root)): source for source in sorted(sources) if source.suffix == ".py"}
    wanted = {name: source for name, source in names.items() if profile is None or name in profile}
    # One after another: what marshal writes depends on what else is alive.
    dumped = {name: code for name, source in wanted.items() if (code := _dumped(source))}
    codes = list(dumped.values())
    shared = dictionary(codes)
    index: dict[str, tuple[int, int]] = {}
    body = bytearray()
    # zlib lets go of the interpreter's lock: every core compresses.
    with ThreadPoolExecutor() as pool:
        compressed = pool.map(lambda code: _compress(code, shared), codes)
        for name, code in zip(dumped, compressed, strict=True):
            index[name] = (len(body), len(code))
            body += code
    head = marshal.dumps((index, shared))
    tree.inside(root / ARCHIVE).write_bytes(len(head).to_bytes(8, "little") + head + body)


def dictionary(codes: Sequence[bytes]) -> bytes:
    """Return what many modules share, so that the compression of each can refer to it."""
    typical = [code for code in codes if len(code) in TYPICAL]
    step = max(1, len(typical) * BEGINNING // WINDOW)
    return b"".join(code[:BEGINNING] for code in typical[::step])[-WINDOW:]


def _dumped(source: Path) -> bytes:
    """Return a module's marshalled code; empty for what this Python cannot compile, and so never imports."""
    try:
        return marshal.dumps(compiled(source))
    except (SyntaxError, ValueError):
        return b""


def _compress(code: bytes, shared: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, wbits=RAW, memLevel=MEMORY, zdict=shared)
    return compressor.compress(code) + compressor.flush()


def compiled(source: Path) -> CodeType:
    """Return a module's code object: the installer's, where it left one, else our own."""
    cached = Path(cache_from_source(source))
    if cached.exists():
        code: CodeType = marshal.loads(cached.read_bytes()[PYC_HEADER:])  # noqa: S302 - of this very build
        return code
    return compile(source.read_bytes(), str(source), "exec", dont_inherit=True, optimize=0)
