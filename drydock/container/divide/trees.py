"""Divide an application's tree into its code and its other files.

Code changes with every commit, other files rarely: a push after a change of source sends the code alone.
"""

import os
import shutil
from pathlib import Path

from assemble import bytecode, times

CODE = (".py", ".pyc")
# The start script and the health probe are drydock's own.
OURS = Path("opt/image")


def divide(tree: Path, code: Path, resources: Path, workdir: str) -> None:
    """Copy each file of a tree into one of two others, and leave the tree unchanged.

    A folder is made only where it holds something. If both layers had it, engines would disagree on whether
    the upper layer names it: containerd omits a folder that is unchanged. The working directory is always
    made among the resources.
    """
    code.mkdir(parents=True)
    _make(resources / workdir.lstrip("/"), tree / workdir.lstrip("/"))
    for place, folders, names in os.walk(tree):
        inside = Path(place).relative_to(tree)
        # os.walk lists a link to a folder among the folders, and does not follow it.
        entries = [Path(place, name) for name in (*names, *folders)]
        for source in (path for path in entries if path.is_symlink() or path.is_file()):
            name = source.name
            root = code if source.is_symlink() or _is_code(inside / name) else resources
            _make(root / inside, source.parent)
            shutil.copy2(source, root / inside / name, follow_symlinks=False)
        if not names and not folders and not (resources / inside).exists():
            _make(code / inside, Path(place))


def settle(*trees: Path) -> None:
    """Set the modes, bytecode and times of trees: everyone may read, only the owner may write.

    A folder of root's group with another owner than root is writable by the application. Users that a cluster
    assigns are in root's group, too.
    """
    parts: list[int] = []
    for tree in trees:
        _open(tree)
        parts += bytecode.start(tree, Path("/"), bytecode.modules(tree))
    bytecode.finish(parts)
    for tree in trees:
        _open(tree)
        times.settle(tree)


def _open(tree: Path) -> None:
    for place, folders, names in os.walk(tree):
        for path in (Path(place, name) for name in ("", *names, *folders)):
            found = path.lstat()
            if path.is_symlink():
                continue
            written = 0o020 if found.st_uid and not found.st_gid else 0
            path.chmod((0o755 if path.is_dir() or found.st_mode & 0o111 else 0o644) | written)


def _is_code(path: Path) -> bool:
    return path.suffix in CODE and not path.is_relative_to(OURS)


def _make(folder: Path, original: Path) -> None:
    """Make a folder and its parents, with the owners that they have in the divided tree."""
    if not folder.exists():
        _make(folder.parent, original.parent)
        folder.mkdir()
        if original.exists():
            found = original.stat()
            os.chown(folder, found.st_uid, found.st_gid)
