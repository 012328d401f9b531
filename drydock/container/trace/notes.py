"""Write a traced script's notes, one a line, to the file that NOTES names.

    begin   the next statement
    open    a name that was looked for through ctypes
    fail    its error
    miss    its error, where the application expects one

Importing this module starts the recording. It also makes the modules that ABSENT names unimportable, and the
libraries that HIDDEN names unavailable, since the image lacks them.
"""

from __future__ import annotations

import ctypes.util
import os
import sys

_find = ctypes.util.find_library
_hidden = frozenset(os.environ["HIDDEN"].split())
_withheld: list[str] = []
_target = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)


def write_down(kind: str, text: str) -> None:
    line = " ".join(text.split())
    os.write(_target, f"{kind}\t{line}\n".encode())


def find_library(name: str) -> str | None:
    """Find a library as ctypes does, and note a name that it does not find."""
    found = _find(name)
    _withheld.clear()
    if found in _hidden:
        write_down("open", found)
        _withheld.append(found)
        return None
    if found is None:
        write_down("open", f"lib{name}.so")
    return found


def listen(event: str, arguments: tuple[object, ...]) -> None:
    """Note each library that is opened by name, and refuse a hidden one as the loader would."""
    if event != "ctypes.dlopen":
        return
    # CDLL(find_library(…)) would get None, which opens the interpreter itself and fails at the first call.
    name = _withheld[0] if arguments[0] is None and _withheld else arguments[0]
    if isinstance(name, str):
        write_down("open", name)
        if os.path.basename(name) in _hidden:  # noqa: PTH119 - pathlib would change what is imported
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")


ctypes.util.find_library = find_library
sys.addaudithook(listen)
# Importing one of these raises ImportError.
sys.modules.update(dict.fromkeys(os.environ["ABSENT"].split()))  # type: ignore[arg-type]
