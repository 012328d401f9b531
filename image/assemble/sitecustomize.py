"""Read the production image's compressed bytecode; Python imports this module at its start.

Two archives, which bytecode.py beside it in the repository writes, hold the bytecode of the modules that are
imported on the way to readiness and by the first requests. Any other module is compiled from its source.
"""

import marshal
import os
import sys
import zlib
from importlib.machinery import SourceFileLoader

_from_source = SourceFileLoader.get_code
_archives: dict[str, tuple[int, int, dict[str, tuple[int, int]]]] = {}


def get_code(self: SourceFileLoader, fullname: str) -> object:
    """Return a module's code from the archive of its folder, else the way Python does."""
    path = self.path
    for root, (descriptor, start, index) in _archives.items():
        if path.startswith(root) and (place := index.get(path[len(root) :])):
            return marshal.loads(zlib.decompress(os.pread(descriptor, place[1], start + place[0])))  # noqa: S302
    return _from_source(self, fullname)


def open_archive(root: str) -> None:
    """Make the bytecode below a folder available, where there is an archive of it."""
    try:
        descriptor = os.open(f"{root}/bytecode.archive", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    size = int.from_bytes(os.read(descriptor, 8), "little")
    _archives[root + "/"] = (descriptor, 8 + size, marshal.loads(os.read(descriptor, size)))  # noqa: S302


_library = os.__file__.rpartition("/")[0]
for _root in (_library, *(path for path in sys.path if path.endswith("-packages"))):
    open_archive(_root)
if _archives:
    SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]
