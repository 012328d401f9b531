"""Write bytecode beside the modules, as Python does: a module that is changed or mounted over wins.

Bytecode names its source's size and time, which follow from the content (times.py): a build a year later has
the same bytes.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import struct
import sys
import sysconfig
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from assemble import times
from assemble.tree import walk

# Processes that compile: the same number on every machine, see `write`.
PARTS = 4
# Its name holds the architecture; a measurement on one counts for every other.
PER_ARCHITECTURE = "_sysconfigdata_"


def measured(profile: Path) -> frozenset[str] | None:
    """Return the source files that a measured start imported; None, for all files, without a measurement."""
    if not profile.exists():
        return None
    names = set(profile.read_text().split())
    if any(name.startswith(PER_ARCHITECTURE) for name in names):
        library = Path(sysconfig.get_path("stdlib"))
        names |= {path.name for path in library.glob(f"{PER_ARCHITECTURE}*.py")}
    return frozenset(names)


def modules(root: Path) -> Iterator[str]:
    """Yield the files below a folder, by their paths in it."""
    yield from (str(path).removeprefix(f"{root}/") for path in walk(root))


def write(root: Path, shown: Path, names: Iterable[str], profile: Collection[str] | None = None) -> None:
    """Compile modules with several processes; skip files for other Pythons, and templates."""
    finish(start(root, shown, names, profile))


def start(
    root: Path,
    shown: Path,
    names: Iterable[str],
    profile: Collection[str] | None = None,
    into: Path | None = None,
) -> list[int]:
    """Start to compile modules; return the processes for `finish`.

    `shown` is the root's path in the image, for tracebacks. `into` gets the bytecode, if it is not the root.

    marshal's output depends on which other objects are alive. So every machine uses the same number of parts,
    each in a process forked from this one. The bytecode gets the time of its content, and folders a new one.
    """
    wanted = sorted(name for name in names if name.endswith(".py") and (profile is None or name in profile))
    parts = (wanted[number::PARTS] for number in range(PARTS))
    return [forked(lambda part=part: _compile(root, shown, part, into or root)) for part in parts if part]  # type: ignore[misc]


def finish(parts: Iterable[int]) -> None:
    """Wait for all processes; exit if one ended early."""
    failures = [failed(part) for part in parts]
    if any(failures):
        raise SystemExit("error: compiling ended early; give the build more memory")


def forked(work: Callable[[], object]) -> int:
    """Start work in a process forked from this one, and return its id."""
    if number := os.fork():
        return number
    try:
        work()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        os._exit(1)


def failed(process: int) -> bool:
    """Wait for the end of a process, and tell whether it failed."""
    return os.waitpid(process, 0)[1] != 0


def _compile(root: Path, shown: Path, names: Sequence[str], into: Path) -> None:
    # The process that waits for these has more to do meanwhile.
    os.nice(10)
    # Only a module's author can fix an invalid escape.
    warnings.simplefilter("ignore")
    for name in names:
        try:
            source = (root / name).read_bytes()
            code = compile(source, str(shown / name), "exec", dont_inherit=True, optimize=0)
        except Exception:  # noqa: S112 - for another Python, a template, or a link to a later mount
            continue
        # As py_compile writes it; but the source may not have its final time yet.
        header = struct.pack("<4sIII", importlib.util.MAGIC_NUMBER, 0, times.of(source), len(source))
        content = header + marshal.dumps(code)
        # Beside the module, wherever this process has its own.
        module = into / name
        target = module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o644)  # independent of the umask
        times.give(target, content)
