"""One entry of a layer."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
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
    path: str  # absolute, normalised; for a whiteout, the path that it deletes
    kind: Kind
    size: int  # bytes of a regular file's content; else 0
    mode: int  # permission bits with setuid, setgid and sticky
    uid: int
    gid: int
    mtime: int  # seconds since the epoch, without their fraction
    link: str  # target of a symbolic link, as written; absolute path of a hard link's other name
    sha256: str  # of a regular file's content, in hexadecimal; else empty
    layer: str  # diff id of its layer
