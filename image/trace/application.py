"""Start the application as far as it comes without a request: import it, and call it where it is a factory.

What it looks for with ctypes goes to the file that LOOKED_FOR names, one name a line. ABSENT names modules
that the image does not have.
"""

import ctypes.util
import gc
import importlib
import os
import sys

_find = ctypes.util.find_library


def find_library(name: str) -> str | None:
    """Find a library as ctypes does, and write down a name that it does not find."""
    found = _find(name)
    if found is None:
        write_down(f"lib{name}.so")
    return found


def listen(event: str, arguments: tuple[object, ...]) -> None:
    """Write down what is opened by name."""
    if event == "ctypes.dlopen" and isinstance(arguments[0], str):
        write_down(arguments[0])


def write_down(name: str) -> None:
    """Append one line."""
    os.write(_target, f"{name}\n".encode())


_target = os.open(os.environ["LOOKED_FOR"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
ctypes.util.find_library = find_library
sys.addaudithook(listen)
# Importing one of these raises ImportError.
sys.modules.update(dict.fromkeys(os.environ["ABSENT"].split()))  # type: ignore[arg-type]
# As the image's start script does.
gc.disable()
_module, _, _attribute = os.environ["APP_ENTRY_POINT"].partition(":")
_application = importlib.import_module(_module)
for _name in _attribute.split("."):
    _application = getattr(_application, _name)
if os.environ.get("APP_FACTORY") == "1":
    _application()  # type: ignore[operator]
