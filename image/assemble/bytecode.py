"""Bytecode for the modules that were measured to matter.

The standard library's stands in its archive (library.py). That of the dependencies is compressed into one
file of our own, which `sitecustomize.py` reads: plain .pyc files would be a fifth of the image. Its form:
eight bytes with the length of the head; the head (marshal: offset and length of each by path, and the
dictionary that the compression begins with); the code objects (marshal, then raw deflate).
"""

from __future__ import annotations

import marshal
import os
import py_compile
import sysconfig
import tempfile
import warnings
import zlib
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from assemble.tree import Tree

ARCHIVE = "bytecode.archive"
# Beyond it, seconds of every build buy less than a hundredth of the archive.
LEVEL = 7
RAW = -zlib.MAX_WBITS
WINDOW = 1 << zlib.MAX_WBITS
FORK = get_context("fork")
# How many processes compile, on every machine.
PARTS = 4
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


class Compilation:
    """Modules that are compiled while this process does something else, on every core.

    What marshal writes depends on what else is alive. So there are as many parts on every machine, each with
    a process of its own that begins as this one is now.

    Args:
        root: The folder that the profile's paths are relative to.
        sources: Candidates, as absolute paths of the running system.
        profile: The measured paths; None for all.
    """

    def __init__(self, root: Path, sources: Iterable[Path], profile: Collection[str] | None) -> None:
        names = {str(source.relative_to(root)): source for source in sources if source.suffix == ".py"}
        self.root = root
        self._wanted = sorted(name for name in names if profile is None or name in profile)
        parts = [[names[name] for name in self._wanted[number::PARTS]] for number in range(PARTS)]
        self._pipes = [_begin(part) for part in parts]

    def codes(self) -> dict[str, bytes]:
        """Wait for the end, once, and return marshalled code by path, without what does not compile."""
        found: dict[str, bytes] = {}
        for number, pipe in enumerate(self._pipes):
            found |= zip(self._wanted[number::PARTS], marshal.loads(pipe.recv_bytes()), strict=True)  # noqa: S302
        return {name: found[name] for name in self._wanted if found[name]}


def write(tree: Tree, compilation: Compilation) -> None:
    """Put the archive of what was compiled beside it."""
    codes = compilation.codes()
    shared = dictionary(list(codes.values()))
    index: dict[str, tuple[int, int]] = {}
    body = bytearray()
    # zlib lets go of the interpreter's lock: every core compresses.
    with ThreadPoolExecutor() as pool:
        compressed = pool.map(lambda code: _compress(code, shared), codes.values())
        for name, code in zip(codes, compressed, strict=True):
            index[name] = (len(body), len(code))
            body += code
    head = marshal.dumps((index, shared))
    place = tree.inside(compilation.root / ARCHIVE)
    place.write_bytes(len(head).to_bytes(8, "little") + head + body)


def dictionary(codes: Sequence[bytes]) -> bytes:
    """Return what many modules share, so that the compression of each can refer to it."""
    typical = [code for code in codes if len(code) in TYPICAL]
    step = max(1, len(typical) * BEGINNING // WINDOW)
    return b"".join(code[:BEGINNING] for code in typical[::step])[-WINDOW:]


def _begin(sources: Sequence[Path]) -> Connection:
    """Compile in a process of its own, and return where its results will come from."""
    receiver, sender = FORK.Pipe(duplex=False)
    FORK.Process(target=_compile, args=(sources, sender), daemon=True).start()
    sender.close()
    return receiver


def _compile(sources: Sequence[Path], sender: Connection) -> None:
    # Whoever waits for this has more to do meanwhile.
    os.nice(10)
    # An invalid escape is its author's to mend.
    warnings.simplefilter("ignore")
    sender.send_bytes(marshal.dumps([_dumped(source) for source in sources]))


def _dumped(source: Path) -> bytes:
    """Return a module's marshalled code; empty for what this Python cannot compile, and so never imports."""
    try:
        return marshal.dumps(compile(source.read_bytes(), str(source), "exec", dont_inherit=True, optimize=0))
    except (SyntaxError, ValueError):
        return b""


def _compress(code: bytes, shared: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, wbits=RAW, zdict=shared)
    return compressor.compress(code) + compressor.flush()
