"""Compile an application and divide it into two trees: its code, and all that lies beside it.

    python3 divide.py /rootfs /code /resources

Code changes with every commit, all else rarely: then a push after a change of source sends code alone.
"""

import compileall
import os
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

CODE = (".py", ".pyc")
# The start script and the health probe are drydock's own.
OURS = Path("opt/image")


def divide(tree: Path, code: Path, resources: Path) -> None:
    """Compile a tree, and copy each of its files into one of two others; a folder goes with its code.

    Raises:
        SystemExit: A module does not compile; it has been printed.
    """
    copied = shutil.copytree(tree, code, symlinks=True)
    for folder in (path for path in tree.rglob("*") if path.is_dir() and not path.is_symlink()):
        found = folder.stat()
        os.chown(copied / folder.relative_to(tree), found.st_uid, found.st_gid)
    mode = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(code, quiet=1, stripdir=code, prependdir="/", invalidation_mode=mode):
        raise SystemExit(1)
    for file in sorted(code.rglob("*")):
        inside = file.relative_to(code)
        plain = file.is_file() and not file.is_symlink()
        if plain and (file.suffix not in CODE or inside.is_relative_to(OURS)):
            target = resources / inside
            _make(target.parent, file.parent)
            file.rename(target)
    # A folder that is left empty is the other tree's alone. In both layers, engines would disagree on whether
    # the upper one names it: those that keep images in containerd leave out what is as it was below.
    for folder in sorted((path for path in resources.rglob("*") if path.is_dir()), reverse=True):
        twin = code / folder.relative_to(resources)
        if not any(twin.iterdir()):
            twin.rmdir()


def _make(folder: Path, original: Path) -> None:
    """Make a folder and those above it, with the owners that they have in the other tree."""
    if not folder.exists():
        _make(folder.parent, original.parent)
        folder.mkdir()
        found = original.stat()
        os.chown(folder, found.st_uid, found.st_gid)


if __name__ == "__main__":
    divide(*map(Path, sys.argv[1:]))
