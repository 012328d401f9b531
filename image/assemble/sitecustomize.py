"""Make imports in the production image quick; Python imports this module at its start.

The dependencies' bytecode lies compressed in one archive, which bytecode.py beside this file in the
repository writes. Modules that are not in it are compiled from their source, as always.
"""

import marshal
import os
import sys
import zipimport
import zlib
from importlib.machinery import SourceFileLoader

_from_source = SourceFileLoader.get_code
_archives: dict[str, tuple[int, int, dict[str, tuple[int, int]], bytes]] = {}


def get_code(self: SourceFileLoader, fullname: str) -> object:
    """Return a module's code from the archive of its folder, else the way Python does."""
    path = self.path
    for root, (descriptor, start, index, shared) in _archives.items():
        if path.startswith(root) and (place := index.get(path[len(root) :])):
            packed = os.pread(descriptor, place[1], start + place[0])
            return marshal.loads(zlib.decompressobj(-zlib.MAX_WBITS, shared).decompress(packed))  # noqa: S302
    return _from_source(self, fullname)


def get_filename(self: zipimport.zipimporter, fullname: str) -> str:
    """Return where a module of the standard library's archive lies.

    Python's own way reads and decodes the module for that, and then once more to run it.
    """
    inside = "/__init__.py" if self.is_package(fullname) else ".py"
    return f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}{inside}"


def open_archive(root: str) -> None:
    """Make the bytecode below a folder available, where there is an archive of it."""
    try:
        descriptor = os.open(f"{root}/bytecode.archive", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    size = int.from_bytes(os.read(descriptor, 8), "little")
    _archives[root + "/"] = (descriptor, 8 + size, *marshal.loads(os.read(descriptor, size)))  # noqa: S302


zipimport.zipimporter.get_filename = get_filename  # type: ignore[method-assign]
for _root in sys.path:
    if _root.endswith("-packages"):
        open_archive(_root)
if _archives:
    SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]
