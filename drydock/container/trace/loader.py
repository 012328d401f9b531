"""Run a script of this folder under the loader's debug output, and parse that output and its notes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60
# The environment runs where the image's copy is made, with its bytecode; its paths are told as the image's.
MADE = "/layers/dependencies"
# As -P does, which Python 3.11 brought: neither a script's folder nor this one is on the import path.
OFF_THE_PATH = """import runpy, sys
sys.path[: not getattr(sys.flags, "safe_path", False)] = []
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LOADED = "calling init: "
BY_NAME = "dynamically loaded by "


@dataclass(frozen=True)
class Fault:
    """A failed statement or start, its last error line, and the libraries that it had asked ctypes for.

    Args:
        expected: By the application, which has the statement in a `try` or under a condition.
    """

    what: str
    why: str
    looked_for: frozenset[str] = frozenset()
    expected: bool = False


@dataclass(frozen=True)
class Trace:
    """The libraries that Python's processes loaded, except the application's own, and the failures.

    `by_name` holds names or paths of libraries that were opened at run time.
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
    hidden: Iterable[str] = (),
) -> Trace:
    """Run a script for at most a minute, with some modules made unimportable and some libraries hidden.

    The folder receives the notes and the loader's output.
    """
    folder.mkdir(exist_ok=True)
    notes = folder / "notes"
    variables = {
        **os.environ,
        **(environment or {}),
        "ABSENT": " ".join(missing_modules),
        "HIDDEN": " ".join(hidden),
        "NOTES": str(notes),
        "LD_DEBUG": "files",
        "LD_DEBUG_OUTPUT": str(folder / "loader"),
    }
    command = [sys.executable, "-c", OFF_THE_PATH, *script]
    try:
        done = subprocess.run(
            command, env=variables, cwd=workdir, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        end = "".join(done.stderr.strip().splitlines()[-1:]) if done.returncode else ""
    except subprocess.TimeoutExpired:
        end = f"it was not finished after {SECONDS} s"
    # Each process has a file of its own; libraries of programs other than Python do not count.
    lines = [line for file in folder.glob("loader.*") for line in pythons_own(read(file))]
    loaded = (line.partition(LOADED)[2] for line in lines if LOADED in line)
    return Trace(
        frozenset(path for path in loaded if not path.startswith(f"{folder}/")),
        frozenset(line.partition("file=")[2].split(" [")[0] for line in lines if BY_NAME in line),
        tuple(faults(read(notes) if notes.exists() else [], as_in_image(end))),
    )


def read(file: Path) -> list[str]:
    return as_in_image(file.read_text()).splitlines()


def as_in_image(text: str) -> str:
    return text.replace(f"{MADE}/", "/")


def pythons_own(lines: list[str]) -> Iterator[str]:
    """Yield one process's lines if it runs the interpreter; none for another program."""
    programs = [line.partition("initialize program: ")[2].strip() for line in lines]
    program = next((shutil.which(name) for name in programs if name), None)
    if program and os.path.realpath(program) == os.path.realpath(sys.executable):
        yield from (line.strip() for line in lines)


def faults(notes: Iterable[str], end: str) -> Iterator[Fault]:
    """Parse a script's notes (notes.py); `end` is the error that ended the script itself, if any."""
    what, names = "the application", set[str]()
    for line in notes:
        kind, _, text = line.partition("\t")
        if kind == "begin":
            what, names = text, set()
        elif kind == "open":
            names.add(text)
        elif kind in ("fail", "miss"):
            yield Fault(what, text, frozenset(names), kind == "miss")
    if end:
        yield Fault(what, end, frozenset(names))
