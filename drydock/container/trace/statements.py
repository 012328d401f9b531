"""Run each line of a file by itself: imports and library openings that divide/imports.py listed."""

import ctypes.util
import gc
import importlib
import sys
from pathlib import Path

# Keep this script's neighbours from being imported by name.
sys.path.insert(0, str(Path(__file__).parent))
_write_down = importlib.import_module("notes").write_down
del sys.path[0], sys.modules["notes"]
gc.disable()
for _line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
    _write_down("begin", f"`{_line}`")
    try:
        exec(_line, {"ctypes": ctypes})  # noqa: S102 - of the application that is built
    except BaseException as _error:
        if not _line.endswith("# caught"):
            _kind = "miss" if _line.endswith("# optional") else "fail"
            _write_down(_kind, f"{type(_error).__name__}: {_error}")
