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
    """Compile a tree, and copy each of its files into one of two others; folders go with the code.

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
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)


if __name__ == "__main__":
    divide(*map(Path, sys.argv[1:]))
