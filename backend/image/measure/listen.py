"""Record the files that Python's import reads and compiles, in this process and its children.

With this folder on PYTHONPATH, each import adds a line to the file that IMPORTS_TO names.
"""

import os
import sys

COMPILED = "compiled "
IMPORTERS = ("<frozen importlib", "<frozen zipimport")


def write_down(line: str) -> None:
    """Append one line; appending is atomic, so several processes can share the file."""
    os.write(_target, f"{line}\n".encode())


def listen(event: str, arguments: tuple[object, ...]) -> None:
    """Handle Python's audit events: opened files and compiled source."""
    if event == "open":
        name = arguments[0]
        if isinstance(name, str) and name.endswith(".pyc"):
            write_down(name)
    elif event == "compile":
        # Only import's own compilations: anyio, for one, parses its own source for lazy exports.
        caller = sys._getframe().f_back
        if caller is not None and caller.f_code.co_filename.startswith(IMPORTERS):
            write_down(COMPILED + os.fsdecode(arguments[1]))  # type: ignore[arg-type]


if "IMPORTS_TO" in os.environ:
    _target = os.open(os.environ["IMPORTS_TO"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
    # Modules that the interpreter imported earlier.
    for _module in list(sys.modules.values()):
        if _cached := getattr(_module, "__cached__", None):
            write_down(_cached)
    sys.addaudithook(listen)
