"""Trace an application's imports or start, and refuse libraries that the image lacks.

    /layers/dependencies/opt/venv/bin/python3 /trace imports /imports.txt
    /layers/dependencies/opt/venv/bin/python3 /trace start /rootfs

A file's list of needed libraries does not name those that a program opens at run time (dlopen, ctypes, cffi).
The builder has everything that is installed, so the loader can record each library as it loads it. An import
or a start may fail for another reason, such as a missing setting or server. That failure is reported, and the
libraries loaded before it count. If the image lacks a library, a second run without it shows whether anything
needs it. Prints the loaded libraries.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from loader import MADE, Fault, Trace, watched

HERE = Path(__file__).parent
# The runtime's, its copy in Dockerfiles of an earlier drydock, and the dependencies'.
LAYERS = ("/below/runtime", "/layers/runtime", MADE)
LACKS = "is opened at run time and is not in the image"
LONGEST = 160  # characters of a library's own message, which may name every place that it tried
# Parts of the standard library that no start needs: a display, which no image has, or a hook of the base.
UNUSED = frozenset({"idlelib", "sitecustomize", "tkinter", "turtle", "turtledemo"})
HALTED = re.compile(r"ModuleNotFoundError: import of (\w+) halted")
VERSIONED = re.compile(r"^(?!liblib)[^/]*\.so\.\d+$|/.*\.so\.\d+$")
MISSING = re.compile(r"([\w.+-]+): cannot open shared object file")


def main(what: str, subject: str, *roots: str) -> int:
    """Trace a file of statements (`imports`) or an application's tree (`start`); return the exit code."""
    roots = roots or LAYERS
    gone = left_out(roots) if what == "imports" else {}
    missing = [*absent(roots), *gone]
    with tempfile.TemporaryDirectory() as folder:
        trace = run(what, subject, Path(folder, "with"), missing)
        lacking = {path for path in trace.loaded if not has(path, roots)}
        spare = set[str]()
        if asked := opened(trace, lacking):
            hidden = {Path(path).name for path in asked}
            without = run(what, subject, Path(folder, "without"), missing, hidden)
            spare = dispensable(trace, without, asked)
    problems = [*judge(trace, lacking, spare), *of_standard_library(trace, gone)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201
    for path in sorted(spare):
        note = f"drydock: {path} {LACKS}; nothing failed without it: {remedy(path)} to have it"
        print(note, file=sys.stderr)  # noqa: T201
    for fault in trace.faults if not problems else ():
        if not fault.expected and not alike(fault, missing):
            print(f"drydock: {fault.what} failed here: {fault.why}", file=sys.stderr)  # noqa: T201
    for path in sorted(trace.loaded):
        print(path)  # noqa: T201
    return 1 if problems else 0


def run(
    what: str, subject: str, folder: Path, missing_modules: Iterable[str], hidden: Iterable[str] = ()
) -> Trace:
    if what == "imports":
        return watched([str(HERE / "statements.py"), subject], folder, missing_modules, hidden=hidden)
    return start(Path(subject), folder, missing_modules, hidden)


def alike(fault: Fault, missing: Iterable[str]) -> bool:
    """Tell whether slim fails in the same way: a module that is installed nowhere, such as a test's."""
    if not fault.why.startswith(ModuleNotFoundError.__name__):
        return False
    return not any(f"'{name}'" in fault.why for name in missing)


def has(path: str, roots: Iterable[str]) -> bool:
    """Tell whether one of the image's trees holds a file."""
    places = {path, os.path.realpath(path)}
    return any(os.path.lexists(f"{root}{place}") for root in roots for place in places)


def absent(roots: Iterable[str]) -> list[str]:
    """Return the standard library's extension modules that the image lacks."""
    modules = Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")
    return sorted(module.name.split(".")[0] for module in modules if not has(str(module), roots))


def left_out(roots: Iterable[str]) -> dict[str, Path]:
    """Return the standard library's modules that the image lacks, and no distribution replaces."""
    folder, site = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    found = {
        path.stem: path
        for path in sorted(folder.iterdir())
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    return {
        name: path
        for name, path in found.items()
        if name not in UNUSED and not has(str(path), roots) and not (site / name).exists()
    }


def of_standard_library(trace: Trace, gone: Mapping[str, Path]) -> list[str]:
    """Return an error for each statement that fails for want of a left out module."""
    halted = [(fault.what, HALTED.match(fault.why)) for fault in trace.faults if not fault.expected]
    names = [(what, match[1]) for what, match in halted if match and match[1] in gone]
    return [
        f"{what} needs {name} of the standard library, which production leaves out;"
        f" name {gone[name]} in EXTRA_FILES"
        for what, name in names
    ]


def start(rootfs: Path, folder: Path, missing_modules: Iterable[str], hidden: Iterable[str] = ()) -> Trace:
    """Start the application of a tree once, in a copy: an application may write beside its code."""
    copy = shutil.copytree(rootfs, folder / "copy", symlinks=True)
    place = copy / "opt/image/serve.json"
    served = json.loads(place.read_text(encoding="utf-8"))
    path = ":".join(f"{copy}{part}" for part in served["path"])
    return watched(
        [str(HERE / "application.py"), str(place)],
        folder,
        missing_modules,
        {"PYTHONPATH": path},
        Path(f"{copy}{served['workdir']}"),
        hidden,
    )


def opened(trace: Trace, lacking: set[str]) -> set[str]:
    """Return those of the lacking libraries that were opened by name; the rest are their own needs."""
    return {path for path in lacking if path in trace.by_name or Path(path).name in trace.by_name}


def dispensable(trace: Trace, without: Trace, asked: set[str]) -> set[str]:
    """Return the opened libraries without which everything ran as far as with them.

    Args:
        without: The same run with the opened libraries hidden from ctypes; other callers still load them.
    """
    known = {fault.what for fault in trace.faults}
    fresh = [fault.looked_for for fault in without.faults if fault.what not in known]
    needed = [{path for path in asked if {path, Path(path).name} & names} for names in fresh]
    return asked - without.loaded - set().union(*needed) if all(needed) else set()


def judge(trace: Trace, lacking: set[str], spare: Collection[str] = ()) -> list[str]:
    """Return an error for each library that the image would lack.

    Args:
        lacking: Loaded libraries that the image does not hold.
        spare: Those of them that the application can do without.
    """
    asked = opened(trace, lacking)
    there = {Path(path).name for path in trace.loaded}
    faults = [
        (fault, [name for name in wanted(fault) if Path(name).name not in there])
        for fault in trace.faults
        if not fault.expected
    ]
    return [
        f"{path} {LACKS}; {remedy(path)}" for path in sorted(asked.difference(spare) if asked else lacking)
    ] + [
        f"{fault.what} looks for {' or '.join(names)} and ends with {fault.why[:LONGEST]!r};"
        " install the package with it in `dependencies` and name it in EXTRA_FILES"
        for fault, names in faults
        if names
    ]


def remedy(path: str) -> str:
    return f"name {Path(path).name} in EXTRA_FILES"


def wanted(fault: Fault) -> list[str]:
    """Return the libraries that a failed statement looked for, by their names on Linux.

    A binding tries one library under each system's name: libcairo.so.2, libcairo.2.dylib, libcairo-2.dll.
    """
    names = {*fault.looked_for, *MISSING.findall(fault.why)}
    return sorted({name for name in names if VERSIONED.search(name)} or names)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
