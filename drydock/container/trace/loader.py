"""Run a script of this folder and read what the loader and the script wrote down about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60
LOADED = "calling init: "
BY_NAME = "dynamically loaded by "


@dataclass(frozen=True)
class Fault:
    """What failed, the last line that it said, and the libraries that it had asked for through ctypes."""

    what: str
    why: str
    looked_for: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Trace:
    """What happened.

    Args:
        loaded: Paths of the libraries that Python's processes loaded, the application's own left out.
        by_name: Names or paths among them that were asked for while a process ran.
        faults: What failed.
    """

    loaded: frozenset[str]
    by_name: frozenset[str]
    faults: tuple[Fault, ...]


def watched(
    script: list[str],
    folder: Path,
    missing_modules: Iterable[str],
    environment: Mapping[str, str] | None = None,
    workdir: Path | None = None,
) -> Trace:
    """Run a script to its end, at most for a minute.

    Args:
        script: Its path and arguments.
        folder: For what is written down.
        missing_modules: Modules that cannot be imported.
        environment: Variables in addition to this process's.
        workdir: Where it runs.
    """
    notes = folder / "notes"
    variables = {
        **os.environ,
        **(environment or {}),
        "ABSENT": " ".join(missing_modules),
        "NOTES": str(notes),
        "LD_DEBUG": "files",
        "LD_DEBUG_OUTPUT": str(folder / "loader"),
    }
    command = [sys.executable, "-P", *script]
    try:
        done = subprocess.run(
            command, env=variables, cwd=workdir, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        end = "".join(done.stderr.strip().splitlines()[-1:]) if done.returncode else ""
    except subprocess.TimeoutExpired:
        end = f"it was not done after {SECONDS} s"
    # One file a process; other programs than Python load what they load.
    lines = [line for file in folder.glob("loader.*") for line in pythons_own(file.read_text().splitlines())]
    loaded = (line.partition(LOADED)[2] for line in lines if LOADED in line)
    return Trace(
        frozenset(path for path in loaded if not path.startswith(f"{folder}/")),
        frozenset(line.partition("file=")[2].split(" [")[0] for line in lines if BY_NAME in line),
        tuple(faults(notes.read_text().splitlines() if notes.exists() else [], end)),
    )


def pythons_own(lines: list[str]) -> Iterator[str]:
    """Yield the lines of one process if it is the interpreter; of another program none."""
    programs = [line.partition("initialize program: ")[2].strip() for line in lines]
    program = next((shutil.which(name) for name in programs if name), None)
    if program and os.path.realpath(program) == os.path.realpath(sys.executable):
        yield from (line.strip() for line in lines)


def faults(notes: Iterable[str], end: str) -> Iterator[Fault]:
    """Read what a script wrote down (notes.py).

    Args:
        notes: Its lines.
        end: Why the script itself failed; empty when it did not.
    """
    what, names = "the application", set[str]()
    for line in notes:
        kind, _, text = line.partition("\t")
        if kind == "begin":
            what, names = text, set()
        elif kind == "open":
            names.add(text)
        elif kind == "fail":
            yield Fault(what, text, frozenset(names))
    if end:
        yield Fault(what, end, frozenset(names))
