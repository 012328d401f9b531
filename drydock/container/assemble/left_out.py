"""What the production image leaves out on purpose, and why: the one place where that is decided."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from assemble.tree import walk

# Paths relative to the standard library's folder.
STANDARD_LIBRARY = {
    "test": "CPython's own tests, which slim images lack, too",
    "idlelib": "an editor: it needs a display",
    "tkinter": "it needs a display and libtk, which slim lacks",
    "turtledemo": "it needs tkinter",
    "turtle.py": "it needs tkinter",
    "lib-dynload/_tkinter.*": "it needs a display and libtk, which slim lacks",
    "lib-dynload/_test*": "CPython's own tests",
    "lib-dynload/_ctypes_test*": "CPython's own tests",
    "lib-dynload/xx*": "examples of extension modules",
    "lib-dynload/_xxtestfuzz.*": "CPython's own tests",
    "ensurepip": "it installs pip: production installs nothing",
    "site-packages": "a virtual environment does not look here: pip and its kin serve the base image",
    "dist-packages": "a virtual environment does not look here: pip and its kin serve the base image",
    "sitecustomize.py": "Debian's asks for a crash reporter, and keeps a dependency's own from running",
    "config-*": "what a compiler needs to embed Python",
    "*__pycache__": "bytecode is chosen by measurement",
}

# Paths relative to the virtual environment.
ENVIRONMENT = {
    "bin/activate*": "shells read it, and production has none",
    "bin/deactivate*": "shells read it, and production has none",
    "bin/pydoc.bat": "another system's shell reads it",
    ".gitignore": "git reads it, and no repository is here",
    "CACHEDIR.TAG": "programs that make backups read it",
}


def kept(folder: Path, table: dict[str, str]) -> Iterator[Path]:
    """Yield what is left of a folder without what its table leaves out."""
    patterns = re.compile("|".join(fnmatch.translate(f"{folder}/{pattern}") for pattern in table))
    return walk(folder, lambda path: not patterns.match(path))
