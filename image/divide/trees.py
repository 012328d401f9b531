"""Two trees of one: an application's code, and all that lies beside it.

Code changes with every commit, all else rarely: then a push after a change of source sends code alone.
"""

import compileall
import os
import shutil
from pathlib import Path
from py_compile import PycInvalidationMode

CODE = (".py", ".pyc")
# The start script and the health probe are drydock's own.
OURS = Path("opt/image")


def divide(tree: Path, code: Path, resources: Path, workdir: str) -> None:
    """Copy each file of a tree into one of two others, and compile it.

    A folder is made where it holds something. In both layers, engines would disagree on whether the upper one
    names it: those that keep images in containerd leave out what is as it was below.

    Args:
        tree: What is divided; it stays as it is.
        code, resources: The other two.
        workdir: Where the application runs. It is made among the resources, whatever it holds.

    Raises:
        SystemExit: A module does not compile; it has been printed.
    """
    code.mkdir(parents=True)
    _make(resources / workdir.lstrip("/"), tree / workdir.lstrip("/"))
    for place, folders, names in os.walk(tree):
        inside = Path(place).relative_to(tree)
        # A link to a folder is listed among the folders, and not followed.
        entries = [Path(place, name) for name in (*names, *folders)]
        for source in (path for path in entries if path.is_symlink() or path.is_file()):
            name = source.name
            root = code if source.is_symlink() or _is_code(inside / name) else resources
            _make(root / inside, source.parent)
            shutil.copy2(source, root / inside / name, follow_symlinks=False)
        if not names and not folders and not (resources / inside).exists():
            _make(code / inside, Path(place))
    mode = PycInvalidationMode.UNCHECKED_HASH
    for made in (code, resources):
        if not compileall.compile_dir(made, quiet=1, stripdir=made, prependdir="/", invalidation_mode=mode):
            raise SystemExit(1)


def settle(tree: Path, time: float) -> None:
    """Let everybody read every file, its owner alone write it, and give it a time, in seconds."""
    for place, folders, names in os.walk(tree, topdown=False):
        for name in (*names, *folders, ""):
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o111 else 0o644)
            os.utime(path, (time, time), follow_symlinks=False)


def _is_code(path: Path) -> bool:
    return path.suffix in CODE and not path.is_relative_to(OURS)


def _make(folder: Path, original: Path) -> None:
    """Make a folder and those above it, with the owners that they have in the divided tree."""
    if not folder.exists():
        _make(folder.parent, original.parent)
        folder.mkdir()
        if original.exists():
            found = original.stat()
            os.chown(folder, found.st_uid, found.st_gid)
