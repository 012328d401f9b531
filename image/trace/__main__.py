"""Start the application under the loader's eyes, and refuse libraries that the image does not have.

    APP_ENTRY_POINT=… /opt/venv/bin/python3 image/trace /runtime /dependencies

What a program opens by name while it runs (dlopen, ctypes, cffi) stands in no file's list of needed
libraries. Here, where all that is installed is at hand, the loader itself writes down what it loads. Where an
application does not start here, for want of a setting or a server, that is reported, and what it loaded until
then was traced.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

APPLICATION = Path(__file__).with_name("application.py")
ROOTFS = "/rootfs"
SECONDS = 60
LOADED = "calling init: "
BY_NAME = "dynamically loaded by "


@dataclass(frozen=True)
class Trace:
    """What happened while the application started.

    Args:
        loaded: Paths of the libraries that its processes loaded, its own extension modules left out.
        by_name: Names or paths among them that were asked for while the process ran.
        looked_for: What was asked for through ctypes, found or not.
        fault: Why the application did not start; empty when it did.
    """

    loaded: frozenset[str]
    by_name: frozenset[str]
    looked_for: frozenset[str]
    fault: str


def main(roots: list[str]) -> int:
    """Trace, judge, print; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        trace = start(Path(folder), absent(roots))
    problems = judge(trace, {path for path in trace.loaded if not has(path, roots)})
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201
    if trace.fault and not problems:
        print(f"note: the application did not start here: {trace.fault}")  # noqa: T201
    return 1 if problems else 0


def has(path: str, roots: Iterable[str]) -> bool:
    """Tell whether one of the image's trees holds a file."""
    places = {path, os.path.realpath(path)}
    return any(os.path.lexists(f"{root}{place}") for root in roots for place in places)


def absent(roots: Iterable[str]) -> list[str]:
    """Return the standard library's extension modules that cannot be imported in the image: it lacks them."""
    modules = Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")
    return sorted(module.name.split(".")[0] for module in modules if not has(str(module), roots))


def start(folder: Path, missing_modules: Iterable[str]) -> Trace:
    """Start the application once.

    Args:
        folder: An empty folder for what is written down.
        missing_modules: Modules that cannot be imported.
    """
    looked_for = folder / "looked-for"
    # A copy: what the application writes beside its code must not become part of the image.
    copy = shutil.copytree(ROOTFS, folder / "copy", symlinks=True)
    path = [f"{copy}{part}" for part in os.environ.get("APP_PATH", "/app").split(":")]
    workdir = Path(f"{copy}{os.environ.get('APP_WORKDIR', '/app')}")
    environment = {
        **os.environ,
        "PYTHONPATH": ":".join(path),
        "ABSENT": " ".join(missing_modules),
        "LOOKED_FOR": str(looked_for),
        "LD_DEBUG": "files",
        "LD_DEBUG_OUTPUT": str(folder / "loader"),
    }
    command = [sys.executable, "-P", str(APPLICATION)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=workdir,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        fault = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except subprocess.TimeoutExpired:
        fault = [f"it was not done after {SECONDS} s"]
    # One file a process; other programs than Python load what they load.
    lines = [line for file in folder.glob("loader.*") for line in pythons_own(file.read_text().splitlines())]
    names = looked_for.read_text().split("\n") if looked_for.exists() else []
    loaded = (line.partition(LOADED)[2] for line in lines if LOADED in line)
    return Trace(
        frozenset(path for path in loaded if not path.startswith(f"{copy}/")),
        frozenset(line.partition("file=")[2].split(" [")[0] for line in lines if BY_NAME in line),
        frozenset(name for name in names if name),
        "".join(fault),
    )


def pythons_own(lines: list[str]) -> Iterator[str]:
    """Yield the lines of one process if it is the interpreter; of another program none."""
    programs = [line.partition("initialize program: ")[2].strip() for line in lines]
    program = next((shutil.which(name) for name in programs if name), None)
    if program and os.path.realpath(program) == os.path.realpath(sys.executable):
        yield from (line.strip() for line in lines)


def judge(trace: Trace, lacking: set[str]) -> list[str]:
    """Return what is wrong: libraries that would be missing in the image.

    Args:
        trace: What happened.
        lacking: Loaded libraries that the image does not hold.
    """
    asked = {path for path in lacking if path in trace.by_name or Path(path).name in trace.by_name}
    problems = [
        f"{path} is opened at run time and is not in the image; name {Path(path).name} in EXTRA_FILES"
        for path in sorted(asked or lacking)
    ]
    if trace.fault:
        there = {Path(path).name for path in trace.loaded}
        problems += [
            f"the application looks for {name} and ends with {trace.fault!r};"
            " install what has it in `dependencies` and name it in EXTRA_FILES"
            for name in sorted(trace.looked_for)
            if Path(name).name not in there
        ]
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
