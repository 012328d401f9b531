"""Start to listen, then do what the image's own module of this name does: Python imports only the first."""

import os
from importlib.machinery import SourceFileLoader

import listen  # noqa: F401 - importing it starts it

_own = SourceFileLoader("sitecustomize", f"{os.__file__.rpartition('/')[0]}/sitecustomize.py")
try:
    _code = _own.get_code("sitecustomize")
except FileNotFoundError:
    _code = None
if _code:
    exec(_code, {"__name__": "sitecustomize"})  # noqa: S102
