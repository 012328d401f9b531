"""Just enough ELF to find the libraries that a program or library needs, on any architecture."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MAGIC = b"\x7fELF"
PT_INTERP = 3


@dataclass(frozen=True)
class Format:
    """An ELF file's number formats: 32 or 64 bits, little or big endian.

    `header` follows the 16 identifying bytes; `offset` and `size` are indexes into a program header.
    """

    header: str
    segment: str
    offset: int
    size: int


FORMATS = {
    (bits, end): Format(end + header, end + segment, *places)
    for end in "<>"
    for bits, header, segment, places in (
        (32, "HHIIIIIHHHHHH", "IIIIIIII", (1, 4)),
        (64, "HHIQQQIHHHHHH", "IIQQQQQQ", (2, 5)),
    )
}


def is_elf(path: Path) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):  # noqa: PTH113, PTH114 - of thousands
        return False
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def format_of(content: bytes) -> Format:
    return FORMATS[32 * content[4], "<" if content[5] == 1 else ">"]


def interpreter(path: Path) -> Path | None:
    """Return the loader that a program names (PT_INTERP); None for a library."""
    content = path.read_bytes()
    form = format_of(content)
    header = struct.unpack_from(form.header, content, 16)
    start, size, count = header[4], header[8], header[9]
    for index in range(count):
        segment = struct.unpack_from(form.segment, content, start + index * size)
        if segment[0] == PT_INTERP:
            begin, length = segment[form.offset], segment[form.size]
            return Path(content[begin : begin + length].rstrip(b"\0").decode())
    return None


def libraries(paths: Iterable[Path], loader: Path) -> Iterator[tuple[Path, str, Path | None]]:
    """Yield each file, the name of a library that it needs, and that library's path.

    The loader finds the path; None if it finds nothing.
    """
    for path in paths:
        for name, place in _needed(path, loader):
            yield path, name, place


@cache
def _needed(path: Path, loader: Path) -> tuple[tuple[str, Path | None], ...]:
    # Not --list, which lists nothing if one library is missing.
    variables = {**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}
    listing = subprocess.run([loader, path], env=variables, capture_output=True, text=True, check=False)
    found: list[tuple[str, Path | None]] = []
    for line in listing.stdout.splitlines():
        name, arrow, place = line.strip().partition(" => ")
        if arrow and place.startswith("/"):
            found.append((name, Path(place.split(" (")[0])))
        elif arrow:
            found.append((name, None))
    return tuple(found)
