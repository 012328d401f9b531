"""Bytecode beside the modules, as Python itself writes it: a module that is changed or mounted over wins.

It names its source's size and time, which follow from the content (times.py): a build a year later has the
same bytes.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sysconfig
import warnings
from collections.abc import Collection, Iterable, Sequence
from multiprocessing import get_context
from pathlib import Path

FORK = get_context("fork")
# How many processes compile, on every machine.
PARTS = 4
# The module whose name holds the architecture: what was measured on one counts for every other.
PER_ARCHITECTURE = "_sysconfigdata_"


def measured(profile: Path) -> frozenset[str] | None:
    """Return the source files whose import was measured; None where nothing was, which means all of them."""
    if not profile.exists():
        return None
    names = set(profile.read_text().split())
    if any(name.startswith(PER_ARCHITECTURE) for name in names):
        library = Path(sysconfig.get_path("stdlib"))
        names |= {path.name for path in library.glob(f"{PER_ARCHITECTURE}*.py")}
    return frozenset(names)


def write(root: Path, shown: Path, names: Iterable[str], profile: Collection[str] | None = None) -> None:
    """Compile modules, on every core; what does not compile is for another Python, or is a template.

    What marshal writes depends on what else is alive. So there are as many parts on every machine, each with
    a process of its own that begins as this one is now.

    Args:
        root: The folder that holds them, with the times that they will have.
        shown: Where that folder lies in the image: the path that tracebacks show.
        names: The modules' paths in it.
        profile: The measured paths; None for all.

    Raises:
        SystemExit: A process ended before its part was done.
    """
    wanted = sorted(name for name in names if name.endswith(".py") and (profile is None or name in profile))
    parts = [
        FORK.Process(target=_compile, args=(root, shown, wanted[number::PARTS])) for number in range(PARTS)
    ]
    for part in parts:
        part.start()
    for part in parts:
        part.join()
    if any(part.exitcode for part in parts):
        raise SystemExit("error: compiling ended early; give the build more memory")


def _compile(root: Path, shown: Path, names: Sequence[str]) -> None:
    # An invalid escape is for its author to change.
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
        except (py_compile.PyCompileError, ValueError, RecursionError):
            continue
        os.chmod(target, 0o644)  # noqa: PTH101 - as the module's own, whatever the umask
