"""Start to listen, then do what the image's own module of this name does: Python imports only the first."""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

import listen  # noqa: F401 - importing it starts it

_here = str(Path(__file__).parent)
_own = PathFinder.find_spec("sitecustomize", [path for path in sys.path if path != _here])
if _own and _own.loader:
    _own.loader.exec_module(sys.modules[__name__])
