"""The files of the pushed commit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from drydock import command


def contents(root: Path, commit: str) -> dict[str, str]:
    """Return mode and digest of every file of a commit by its path; git knows them without reading a file."""
    listed = command.run(["git", "ls-tree", "-r", "-z", commit], cwd=root).stdout
    rows = (row.split("\t", 1) for row in listed.split("\0") if row)
    return {path: about for about, path in rows}


def below(files: Mapping[str, str], folder: Path) -> dict[str, str]:
    paths = {path: Path(path) for path in files}
    return {
        where.relative_to(folder).as_posix(): files[path]
        for path, where in paths.items()
        if where.is_relative_to(folder)
    }


def digest(files: Mapping[str, str], patterns: Iterable[str], about: str = "") -> str:
    """Return the digest of the files that patterns select; empty without a match.

    In a pattern, ``*`` matches a slash as well. `about` is part of the digest, such as the judged target.
    """
    wanted = tuple(patterns)
    found = {path: files[path] for path in sorted(files) if any(fnmatchcase(path, one) for one in wanted)}
    if not found:
        return ""
    lines = "\0".join((about, *(f"{mode_and_digest} {path}" for path, mode_and_digest in found.items())))
    return f"sha256:{hashlib.sha256(lines.encode('utf-8', 'surrogateescape')).hexdigest()}"
