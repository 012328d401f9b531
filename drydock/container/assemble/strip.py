"""Remove symbol tables and debugging sections from programs and libraries, on any architecture.

The effect is that of `strip --strip-unneeded`, without binutils. Every byte that the loader maps stays in
place. A file with other content, in a section or after the last one, stays unchanged: a one-file program's
data, for example, or a signature.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from assemble import elf, times

SHT_NULL, SHT_NOBITS = 0, 8
SHF_ALLOC = 0x2
PT_LOAD = 1
ALIGNMENT = 8
# Sections that are not loaded and that no running program reads.
SYMBOLS = re.compile(
    rb"\.(symtab|strtab|shstrtab|comment|stab(str)?|line|gdb_index|gnu_debug(alt)?link|gnu\.(lto|build|warning).*"
    rb"|z?debug.*|note.*|annobin.*|ARM\.attributes|riscv\.attributes|GCC\..*|symtab_shndx)"
)

# What parsing raises for data that only begin as ELF does, such as a library's own test files.
BROKEN = (struct.error, KeyError, IndexError, OverflowError)
# Indexes into the unpacked file header and section header.
SECTIONS_AT, SECTION_SIZE, SECTION_COUNT, NAMES_INDEX = 5, 10, 11, 12
NAME, TYPE, FLAGS, OFFSET, SIZE, LINK, INFO = 0, 1, 2, 4, 5, 6, 7
SECTION_FORMATS = {32: "IIIIIIIIII", 64: "IIQQQQIIQQ"}


@dataclass(frozen=True)
class Layout:
    """An ELF file's byte order, word size, header, section headers and loaded length."""

    end: str
    bits: int
    header: tuple[int, ...]
    sections: tuple[tuple[int, ...], ...]
    loaded: int


def strip(path: Path) -> int:
    """Strip one file in place; return the bytes saved, 0 if stripping may harm it."""
    content = path.read_bytes()
    try:
        smaller = stripped(content)
    except BROKEN:
        return 0
    if smaller is None or len(smaller) >= len(content):
        return 0
    mode = path.stat().st_mode
    path.write_bytes(smaller)
    path.chmod(mode)
    times.give(path, smaller)
    return len(content) - len(smaller)


def holds_more(path: Path) -> bool:
    """Tell whether a file carries data or a signature that stripping would remove."""
    content = path.read_bytes()
    try:
        layout = take_apart(content)
        return bool(layout.sections) and carries_more(content, layout)
    except BROKEN:
        return False


def stripped(content: bytes) -> bytes | None:
    """Return an ELF file without the sections that are not loaded; None if that is not safe."""
    layout = take_apart(content)
    kept = [index for index, section in enumerate(layout.sections) if _stays(section)]
    names = layout.header[NAMES_INDEX]
    if not layout.sections or carries_more(content, layout):
        return None
    # A loaded section that refers to a dropped one, or lies after the loaded part, is of an unknown kind.
    renumbered = {old: new for new, old in enumerate(kept)}
    if not layout.sections or any(
        not _is_sound(layout.sections[index], renumbered, layout) for index in kept
    ):
        return None
    table = content[slice_of(layout.sections[names])]
    body = content[: layout.loaded]
    names_at = len(body)
    body += table
    body += bytes(-len(body) % ALIGNMENT)
    headers_at = len(body)
    form = layout.end + SECTION_FORMATS[layout.bits]
    for index in kept:
        section = list(layout.sections[index])
        section[LINK] = renumbered.get(section[LINK], 0)
        body += struct.pack(form, *section)
    last = list(layout.sections[names])
    last[OFFSET], last[SIZE] = names_at, len(table)
    body += struct.pack(form, *last)
    header = list(layout.header)
    header[SECTIONS_AT], header[SECTION_COUNT], header[NAMES_INDEX] = headers_at, len(kept) + 1, len(kept)
    packed = struct.pack(elf.format_of(content).header, *header)
    return body[:16] + packed + body[16 + len(packed) :]


def carries_more(content: bytes, layout: Layout) -> bool:
    """Tell whether a file holds more than loaded bytes, symbols and the section table."""
    form = struct.calcsize(layout.end + SECTION_FORMATS[layout.bits])
    ends = [layout.loaded, layout.header[SECTIONS_AT] + form * len(layout.sections)]
    table = content[slice_of(layout.sections[layout.header[NAMES_INDEX]])]
    for section in layout.sections:
        if section[TYPE] != SHT_NOBITS:
            ends.append(section[OFFSET] + section[SIZE])
        name = table[section[NAME] : table.find(b"\0", section[NAME])]
        if not _stays(section) and not SYMBOLS.fullmatch(name):
            return True
    return len(content) > max(ends)


def take_apart(content: bytes) -> Layout:
    """Parse the headers of an ELF file."""
    form = elf.format_of(content)
    end, bits = form.header[0], 32 * content[4]
    header = struct.unpack_from(form.header, content, 16)
    sections = tuple(
        struct.unpack_from(
            end + SECTION_FORMATS[bits], content, header[SECTIONS_AT] + index * header[SECTION_SIZE]
        )
        for index in range(header[SECTION_COUNT])
    )
    loaded = header[4] + header[8] * header[9]
    for index in range(header[9]):
        segment = struct.unpack_from(form.segment, content, header[4] + index * header[8])
        loaded = max(loaded, segment[form.offset] + segment[form.size])
    return Layout(end, bits, header, sections, loaded)


def slice_of(section: tuple[int, ...]) -> slice:
    return slice(section[OFFSET], section[OFFSET] + section[SIZE])


def _stays(section: tuple[int, ...]) -> bool:
    return section[TYPE] == SHT_NULL or bool(section[FLAGS] & SHF_ALLOC)


def _is_sound(section: tuple[int, ...], renumbered: dict[int, int], layout: Layout) -> bool:
    if section[TYPE] == SHT_NULL:
        return True
    within = section[TYPE] == SHT_NOBITS or section[OFFSET] + section[SIZE] <= layout.loaded
    return within and (section[LINK] == 0 or section[LINK] in renumbered)
