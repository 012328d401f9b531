"""Compact a database of BuildKit's while no engine has it open.

BuildKit keeps its records in bbolt files. Pages of removed records stay in the file, and in a list of free
pages that each change writes anew: after a large prune, every build takes a good part of a second longer.
Compaction copies the pages in use to the beginning of a new file, and replaces the old one if both hold the
same. The format is that of bbolt 1.3 and newer, version 2: https://github.com/etcd-io/bbolt
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

MAGIC, VERSION = 0xED0CDAED, 2
# Smaller lists cost nothing that a build would show.
LEAST_FREE_BYTES = 32_000_000

_META, _BRANCH, _LEAF, _FREELIST = 4, 1, 2, 16  # flags of pages
_BUCKET = 1  # flag of a leaf's element
_PAGE = struct.Struct("<QHHI")  # its own number, flags, elements, further pages
_META_BODY = struct.Struct("<IIIIQQQQQ")
_LEAF_ELEMENT = struct.Struct("<IIII")  # kind, offset, bytes of the key and of the value
_HEADER = struct.Struct("<QQ")  # of a bucket: its root page, 0 if the bucket is inside, and its sequence
_MANY = 0xFFFF  # as a number of elements: the number is in front of the elements

Buffer = mmap.mmap | bytes | bytearray


class NotBbolt(Exception):
    """The file has another format, or is damaged; the message says how."""


@dataclass(frozen=True)
class Meta:
    """The newer of a database's two first pages."""

    page_size: int
    flags: int
    root: int
    sequence: int
    freelist: int
    pages: int
    transaction: int

    def dump(self, number: int) -> bytes:
        body = _META_BODY.pack(
            *(MAGIC, VERSION, self.page_size, self.flags),
            *(self.root, self.sequence, self.freelist, self.pages, self.transaction),
        )
        page = _PAGE.pack(number, _META, 0, 0) + body + struct.pack("<Q", _fnv(body))
        return page.ljust(self.page_size, b"\0")


def _fnv(data: bytes) -> int:
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def _meta(data: Buffer) -> Meta:
    """Return the newer valid description; each change writes the other of the first two pages."""
    found = []
    (size,) = struct.unpack_from("<I", data, _PAGE.size + 8)
    for start in (_PAGE.size, size + _PAGE.size):
        body = bytes(data[start : start + _META_BODY.size])
        magic, version, *rest = _META_BODY.unpack(body)
        (checksum,) = struct.unpack_from("<Q", data, start + _META_BODY.size)
        if (magic, version, checksum) == (MAGIC, VERSION, _fnv(body)):
            found.append(Meta(*rest))
    if not found:
        raise NotBbolt("it has no valid first page")
    return max(found, key=lambda one: one.transaction)


def free_bytes(path: Path) -> int:
    """Return the bytes of a database's free pages; an engine may have it open."""
    with path.open("rb") as file, _mapped(file) as data:
        return _free_bytes(data, _meta(data))


def _free_bytes(data: Buffer, meta: Meta) -> int:
    if meta.freelist >= meta.pages:  # it is not kept
        return 0
    start = meta.freelist * meta.page_size
    _, flags, count, _ = _PAGE.unpack_from(data, start)
    if flags != _FREELIST:
        raise NotBbolt(f"page {meta.freelist} is no list of free pages")
    if count == _MANY:
        (count,) = struct.unpack_from("<Q", data, start + _PAGE.size)
    return int(count) * meta.page_size


def compact(path: Path, least: int = LEAST_FREE_BYTES) -> int:
    """Compact a database that nothing has open, and return the bytes that it is smaller by.

    Nothing happens where fewer bytes are free than `least`.

    Raises:
        NotBbolt: The file has another format, or is damaged; it stays as it is.
        OSError: Something has it open, or there is no room for the copy.
    """
    with path.open("rb") as file:
        # As bbolt itself does, and until the copy has taken the file's place.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with _mapped(file) as data:
            return _compact(path, data, least)


@contextmanager
def _mapped(file: IO[bytes]) -> Iterator[mmap.mmap]:
    """Map a database into memory; what does not fit the format is an error of the format."""
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except (struct.error, ValueError, IndexError, RecursionError) as error:
        raise NotBbolt(str(error)) from error


def _compact(path: Path, data: mmap.mmap, least: int) -> int:
    meta = _meta(data)
    if _free_bytes(data, meta) < least:
        return 0
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    copy = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            _write(data, meta, file)
            file.flush()
            os.fsync(file.fileno())
            with _mapped(file) as written:
                if _digest(written, _meta(written)) != _digest(data, meta):
                    raise NotBbolt("its copy differs")
        shutil.copystat(path, copy)
        owner = path.stat()
        os.chown(copy, owner.st_uid, owner.st_gid)
        smaller = owner.st_size - copy.stat().st_size
        copy.replace(path)
        return smaller
    finally:
        copy.unlink(missing_ok=True)


def _write(data: Buffer, meta: Meta, file: IO[bytes]) -> None:
    """Write the pages in use one behind the other, each after those that it names."""
    size = meta.page_size
    file.write(bytes(2 * size))
    following = 2

    def copied(number: int) -> int:
        nonlocal following
        page = _page(data, size, number)
        _, flags, count, further = _PAGE.unpack_from(page)
        for place in _references(page, flags, count):
            (named,) = struct.unpack_from("<Q", page, place)
            struct.pack_into("<Q", page, place, copied(named))
        own, following = following, following + 1 + further
        struct.pack_into("<Q", page, 0, own)
        file.write(page)
        return own

    root = copied(meta.root)
    file.write(_PAGE.pack(following, _FREELIST, 0, 0).ljust(size, b"\0"))
    for before in range(2):
        made = replace(
            meta, root=root, freelist=following, pages=following + 1, transaction=meta.transaction - before
        )
        # The first page is that of even transactions.
        number = made.transaction % 2
        file.seek(number * size)
        file.write(made.dump(number))


def _page(data: Buffer, size: int, number: int) -> bytearray:
    start = number * size
    own, flags, _, further = _PAGE.unpack_from(data, start)
    page = bytearray(data[start : start + (1 + further) * size])
    if own != number or flags not in (_BRANCH, _LEAF) or len(page) != (1 + further) * size:
        raise NotBbolt(f"page {number} is damaged")
    return page


def _references(page: Buffer, flags: int, count: int) -> Iterator[int]:
    """Yield where a page holds the numbers of other pages."""
    for start in range(_PAGE.size, _PAGE.size + 16 * count, 16):
        if flags == _BRANCH:
            yield start + 8
            continue
        kind, position, key, _ = _LEAF_ELEMENT.unpack_from(page, start)
        place = start + position + key
        if kind == _BUCKET and _HEADER.unpack_from(page, place)[0]:
            yield place


def _digest(data: Buffer, meta: Meta) -> bytes:
    """Return a digest of all buckets, keys and values in their order."""
    found = hashlib.sha256()

    def walk(number: int) -> None:
        page = _page(data, meta.page_size, number)
        _, flags, count, _ = _PAGE.unpack_from(page)
        for start in range(_PAGE.size, _PAGE.size + 16 * count, 16):
            if flags == _BRANCH:
                walk(struct.unpack_from("<Q", page, start + 8)[0])
                continue
            kind, position, key, length = _LEAF_ELEMENT.unpack_from(page, start)
            middle = start + position + key
            found.update(struct.pack("<III", kind, key, length) + page[start + position : middle])
            root, sequence = _HEADER.unpack_from(page, middle) if kind == _BUCKET else (0, 0)
            if root:
                found.update(struct.pack("<Q", sequence))
                walk(root)
                found.update(b"end")
            else:
                found.update(page[middle : middle + length])

    walk(meta.root)
    found.update(struct.pack("<Q", meta.sequence))
    return found.digest()
