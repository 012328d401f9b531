"""Libraries, programs and files that an application opens by name at run time, as the project declares."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from assemble import runtime
from assemble.tree import Tree


def take(tree: Tree, names: Iterable[str]) -> None:
    """Copy the declared files; the libraries that they need are copied later with all others.

    Args:
        names: A library as it is opened (libmagic.so.1), a program (git), or an absolute path, which may be a
            folder or a pattern (/usr/share/misc/magic*).

    Raises:
        SystemExit: One does not exist.
    """
    missing = []
    for name in names:
        found = list(find(name))
        for path in found:
            tree.take_all(path) if path.is_dir() else tree.take(path)
        if not found:
            missing.append(
                f"error: EXTRA_FILES names {name}, which was not found; install it in `dependencies`"
            )
    if missing:
        sys.exit("\n".join(missing))


def find(name: str) -> list[Path]:
    """Return the paths that a declared name stands for; none if nothing matches."""
    if name.startswith("/"):
        return sorted(Path("/").glob(name[1:]))
    place = library(name) if ".so" in name else shutil.which(name)
    return [Path(place)] if place else []


def library(name: str) -> str:
    """Return the loader's path to a library that is opened by name; empty if there is none."""
    command = [runtime.loader(), "--preload", name, "--list", runtime.executable()]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        known, _, place = line.strip().partition(" => ")
        if known == name and place.startswith("/"):
            return place.split(" (")[0]
    return ""
