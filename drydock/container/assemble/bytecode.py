"""Write bytecode beside the modules, as Python does: a module that is changed or mounted over wins.

Bytecode names its source's size and time, which follow from the content (times.py): a build a year later has
the same bytes.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
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


def start(root: Path, shown: Path, names: Iterable[str], profile: Collection[str] | None = None) -> list[int]:
    """Start to compile modules; return the processes for `finish`.

    `shown` is the root's path in the image, for tracebacks. The files have their final times.

    marshal's output depends on which other objects are alive. So every machine uses the same number of parts,
    each in a process forked from this one. The bytecode gets the time of its content, and folders a new one.
    """
    wanted = sorted(name for name in names if name.endswith(".py") and (profile is None or name in profile))
    parts = (wanted[number::PARTS] for number in range(PARTS))
    return [forked(lambda part=part: _compile(root, shown, part)) for part in parts if part]  # type: ignore[misc]


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


def _compile(root: Path, shown: Path, names: Sequence[str]) -> None:
    # Only a module's author can fix an invalid escape.
    warnings.simplefilter("ignore")
    for name in names:
        source = root / name
        target = Path(importlib.util.cache_from_source(str(source), optimization=""))
        try:
            py_compile.compile(
                str(source),
                str(target),
                str(shown / name),
                doraise=True,
                optimize=0,
                invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP,
            )
        except (py_compile.PyCompileError, ValueError, RecursionError, FileNotFoundError):
            continue  # not for this Python, a template, or a link to a file that is mounted later
        target.chmod(0o644)  # independent of the umask
        times.give(target, target.read_bytes())
