"""Write a small database in bbolt's format, as its documentation and source describe it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

PAGE = 4096
BRANCH, LEAF, META, FREELIST = 1, 2, 4, 16

Element = tuple[int, bytes, bytes]  # flag, key, value


def database(path: Path, free: int = 0, transaction: int = 8) -> Path:
    """Write a database with every kind of page: a bucket with a branch, one inside a leaf, and a long value.

    Args:
        free: The number of free pages, some between those in use.
    """
    long = bytes(range(256)) * 40  # three pages
    pages = {
        3: _leaf(3, [(0, b"a", b"1"), (0, b"long", long)]),
        7: _leaf(7, [(0, b"m", b"2"), (0, b"z", b"")]),
        8: _branch(8, [(b"a", 3), (b"m", 7)]),
        9: _leaf(9, [(1, b"inside", _inside([(0, b"k", b"v")])), (1, b"pages", struct.pack("<QQ", 8, 5))]),
    }
    numbers = [2, 10, *range(12, 12 + free)]
    listed = struct.pack("<Q", len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)
    start = 12 + free
    pages[start] = _page(start, FREELIST, 0xFFFF, listed)
    high = start + len(pages[start]) // PAGE
    for number in range(2):
        body = struct.pack(
            "<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, 9, 0, start, high, transaction - (transaction + number) % 2
        )
        pages[number] = _page(number, META, 0, body + struct.pack("<Q", _fnv(body)))
    with path.open("wb") as file:
        file.truncate(high * PAGE)
        for number, content in pages.items():
            file.seek(number * PAGE)
            file.write(content)
    return path


def content(path: Path) -> dict[bytes, object]:
    """Read a database: values by key, buckets as dictionaries."""
    data = path.read_bytes()
    roots = [struct.unpack_from("<QQ", data, number * PAGE + 32) for number in range(2)]
    transactions = [struct.unpack_from("<Q", data, number * PAGE + 64)[0] for number in range(2)]
    return _bucket(data, roots[transactions.index(max(transactions))][0] * PAGE)


def _bucket(data: bytes, start: int) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    _, flags, count, _ = struct.unpack_from("<QHHI", data, start)
    for element in range(start + 16, start + 16 + 16 * count, 16):
        if flags == BRANCH:
            found |= _bucket(data, struct.unpack_from("<IIQ", data, element)[2] * PAGE)
            continue
        kind, offset, key, length = struct.unpack_from("<IIII", data, element)
        name, value = element + offset, element + offset + key
        if kind == 0:
            found[data[name:value]] = data[value : value + length]
            continue
        root, sequence = struct.unpack_from("<QQ", data, value)
        inside = _bucket(data, root * PAGE) if root else _bucket(data[value + 16 : value + length], 0)
        found[data[name:value]] = (sequence, inside)
    return found


def _leaf(number: int, elements: Sequence[Element]) -> bytes:
    return _page(number, LEAF, len(elements), _elements(elements))


def _inside(elements: Sequence[Element]) -> bytes:
    """Return a small bucket's value: it has its only page in itself."""
    header = struct.pack("<QQ", 0, 3) + struct.pack("<QHHI", 0, LEAF, len(elements), 0)
    return header + _elements(elements)


def _elements(elements: Sequence[Element]) -> bytes:
    heads, bodies = b"", b""
    for place, (flag, key, value) in enumerate(elements):
        offset = 16 * (len(elements) - place) + len(bodies)
        heads += struct.pack("<IIII", flag, offset, len(key), len(value))
        bodies += key + value
    return heads + bodies


def _branch(number: int, children: Sequence[tuple[bytes, int]]) -> bytes:
    heads, keys = b"", b""
    for place, (key, child) in enumerate(children):
        heads += struct.pack("<IIQ", 16 * (len(children) - place) + len(keys), len(key), child)
        keys += key
    return _page(number, BRANCH, len(children), heads + keys)


def _page(number: int, flags: int, count: int, body: bytes) -> bytes:
    further = (16 + len(body) - 1) // PAGE
    return (struct.pack("<QHHI", number, flags, count, further) + body).ljust((further + 1) * PAGE, b"\0")


def _fnv(data: bytes) -> int:
    digest = 14695981039346656037
    for byte in data:
        digest = (digest ^ byte) * 1099511628211 % 2**64
    return digest
