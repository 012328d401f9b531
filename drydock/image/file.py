"""One entry of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an entry of a layer is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    DEVICE = "device"
    PIPE = "pipe"
    WHITEOUT = "whiteout"  # the path is deleted from the layers below
    OPAQUE = "opaque"  # everything in this folder is deleted from the layers below


@dataclass(frozen=True, slots=True)
class File:
    """One entry of a layer.

    Args:
        path: Absolute, normalised; of a whiteout the path that it deletes.
        kind: What it is.
        size: Bytes of its content; 0 for everything but a regular file.
        mode: Permission bits with setuid, setgid and sticky.
        uid: Owner.
        gid: Group.
        mtime: Seconds since the epoch, without their fraction.
        link: Where a symbolic link points, as written; of a hard link the absolute path of the other name.
        sha256: Of a regular file's content, in hexadecimal digits; else empty.
        layer: Diff id of the layer that holds it.
    """

    path: str
    kind: Kind
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    link: str
    sha256: str
    layer: str
