"""Libraries of the system that installed distributions open by name, at their import or later.

A distribution's Python code names them to ctypes or cffi, its programs and libraries to dlopen(). Only names
that stand in these files as they are can be found.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from assemble import elf

# find_library("udev"), and any text that is a library's file name.
LOOKED_FOR = re.compile(rb"""find_library\(\s*[rfbu]?["']([\w.+-]+)["']""")
IN_CODE = re.compile(rb"""["'](lib[\w+.-]+?\.so(?:\.\d+)*)["']""")
IN_BINARY = re.compile(rb"(?<=\0)(lib[\w+.-]+?\.so(?:\.\d+)*)(?=\0)")
LISTED = re.compile(r"^\s*(\S+) \(.*\) => (/\S+)$", re.MULTILINE)


def libraries(files: Iterable[Path], known: Mapping[str, Path]) -> set[Path]:
    """Return the known libraries that these files name; `known` maps file names to paths."""
    wanted = {name for path in files for name in names(path)}
    stems = {name.partition(".so")[0]: place for name, place in sorted(known.items(), reverse=True)}
    return {place for name in wanted if (place := known.get(name) or stems.get(f"lib{name}"))}


def names(path: Path) -> Iterator[str]:
    """Yield the file names of libraries in a file, and in Python code the names for find_library()."""
    is_code = path.suffix == ".py"
    if path.is_symlink() or not path.is_file() or not (is_code or elf.is_elf(path)):
        return
    content = path.read_bytes()
    found = IN_BINARY.findall(content)
    if is_code:
        found = [name for pattern in (LOOKED_FOR, IN_CODE) for name in pattern.findall(content)]
    yield from (name.decode() for name in found)


def known() -> dict[str, Path]:
    """Return the libraries that the loader finds by their file names alone; none without ldconfig."""
    try:
        listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return {}
    return {name: Path(place) for name, place in LISTED.findall(listing)}
