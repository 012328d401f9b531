"""Libraries of the system that installed distributions open by name, at their import or later.

A distribution's Python code names them to ctypes or cffi, its programs and libraries to dlopen(). Only names
that stand in these files as they are can be found. Where a package asks find_library() for a name that it
computes, any short text of its code may be that name.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from assemble import elf

# find_library("udev"), and any text that is a library's file name.
LOOKED_FOR = re.compile(rb"""find_library\(\s*[rfbu]?["']([\w.+-]+)["']""")
COMPUTED = re.compile(rb"find_library\(\s*(?![rfbu]?[\"'])[A-Za-z_]")
ANY_NAME = re.compile(rb"""["']([A-Za-z][\w+.-]{0,30})["']""")
IN_CODE = re.compile(rb"""["'](lib[\w+.-]+?\.so(?:\.\d+)*)["']""")
IN_BINARY = re.compile(rb"\0(lib[\w+.-]+?\.so(?:\.\d+)*)(?=\0)")
LISTED = re.compile(r"^\s*(\S+) \(.*\) => (/\S+)$", re.MULTILINE)


def libraries(files: Iterable[Path], known: Mapping[str, Path]) -> set[Path]:
    """Return the known libraries that these files name; `known` maps file names to paths."""
    wanted, asking = set[bytes](), set[str]()
    code: list[Path] = []
    for path in files:
        content = _content(path)
        wanted.update(names(content))
        if path.suffix == ".py":
            code.append(path)
            if b"find_library" in content and COMPUTED.search(content):
                asking.add(_package(path))
    for path in code if asking else ():
        if _package(path) in asking:
            wanted.update(ANY_NAME.findall(_content(path)))
    stems = {name.partition(".so")[0]: place for name, place in sorted(known.items(), reverse=True)}
    named = (name.decode() for name in wanted)
    return {place for name in named if (place := known.get(name) or stems.get(f"lib{name}"))}


def names(content: bytes) -> list[bytes]:
    """Return the file names of libraries in code or in a binary, and names for find_library()."""
    if content.startswith(elf.MAGIC):
        return IN_BINARY.findall(content)
    # Few of thousands of modules have either word, and finding a word is quicker than a pattern.
    asked = LOOKED_FOR.findall(content) if b"find_library" in content else []
    return asked + (IN_CODE.findall(content) if b".so" in content else [])


def _content(path: Path) -> bytes:
    """Return the content of Python code and of binaries; nothing of other files."""
    is_read = path.is_file() if path.suffix == ".py" else elf.is_elf(path)
    return path.read_bytes() if is_read and not path.is_symlink() else b""


def _package(path: Path) -> str:
    """Return the top-level package or module of a file in site-packages; a file's own path elsewhere."""
    folder, _, inside = str(path).rpartition("/site-packages/")
    return f"{folder}/{inside.partition('/')[0]}" if folder else str(path)


def known() -> dict[str, Path]:
    """Return the libraries that the loader finds by their file names alone; none without ldconfig."""
    try:
        listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return {}
    return {name: Path(place) for name, place in LISTED.findall(listing)}
