"""What the production image leaves out on purpose, and why: the one place where that is decided."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from assemble.tree import walk

# Paths relative to the standard library's folder.
STANDARD_LIBRARY = {
    "test": "CPython's own tests",
    "idlelib": "an editor: it needs a display",
    "tkinter": "it needs a display and libtk",
    "turtledemo": "it needs a display",
    "turtle.py": "it needs tkinter",
    "lib-dynload/_tkinter.*": "it needs a display and libtk",
    "lib-dynload/_dbm.*": "it needs Berkeley DB, 1.9 MB; the module dbm prefers SQLite to it",
    "curses": "full-screen programs: a service has no terminal; saves libncursesw",
    "lib-dynload/_curses*": "full-screen programs: a service has no terminal; saves libncursesw",
    "lib-dynload/readline.*": "line editing: a service has no terminal; saves libreadline and libtinfo",
    "pydoc_data/_pydoc.css": "the looks of pydoc's own web server",
    "lib-dynload/_test*": "CPython's own tests",
    "lib-dynload/_ctypes_test*": "CPython's own tests",
    "lib-dynload/xx*": "examples of extension modules",
    "lib-dynload/_xxtestfuzz.*": "CPython's own tests",
    "ctypes/macholib/README.ctypes": "notes for CPython's developers",
    "ctypes/macholib/fetch_macholib*": "notes for CPython's developers",
    "email/architecture.rst": "notes for CPython's developers",
    "*/mypy.ini": "notes for CPython's developers",
    "ensurepip": "it installs pip: a running service installs nothing",
    "site-packages": "what the base image has installed, such as pip, is not the application's",
    "dist-packages": "what the base image has installed, such as pip, is not the application's",
    "sitecustomize.py": "Debian's asks for a crash reporter",
    "_distutils_system_mod.py": "Debian's patch of distutils, which this Python no longer has",
    "config-*": "what a compiler needs to embed Python",
    "*__pycache__": "bytecode is chosen by measurement",
}

# Paths relative to the virtual environment's site-packages.
DEPENDENCIES = {
    "*.pyi": "type checkers read it, a service does not",
    "*.pyx": "Cython source of a module that ships compiled",
    "*.pxd": "Cython source of a module that ships compiled",
    "*.c": "C source of a module that ships compiled",
    "*.cpp": "C++ source of a module that ships compiled",
    "*.h": "a compiler's input",
    "*.hpp": "a compiler's input",
    "*.proto": "a protocol compiler's input",
    "*.pxi": "Cython source of a module that ships compiled",
    "*/tests": "a distribution's own tests",
    "*/_tests": "a distribution's own tests",
    "jsonschema/benchmarks": "measurements of its developers",
    "alembic/testing": "the harness of its own tests: it needs pytest",
    "mako/testing": "the harness of its own tests: it needs pytest",
    "sqlalchemy/testing": "the harness of its own tests: it needs pytest",
}


def kept(folder: Path, table: dict[str, str]) -> Iterator[Path]:
    """Yield what is left of a folder without what its table leaves out."""
    patterns = re.compile("|".join(fnmatch.translate(f"{folder}/{pattern}") for pattern in table))
    return walk(folder, lambda path: not patterns.match(path))
