"""Import the application, and call it if it is a factory: its start until the first request.

The argument is the image's serve.json.
"""

import gc
import importlib
import json
import sys
from pathlib import Path

# Keep this script's neighbours from being imported by name.
sys.path.insert(0, str(Path(__file__).parent))
importlib.import_module("notes")
del sys.path[0], sys.modules["notes"]
# The image's start script does so too.
gc.disable()
_served = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
del sys.argv[1:]
_module, _, _attribute = _served["application"].partition(":")
_application = importlib.import_module(_module)
for _name in _attribute.split("."):
    _application = getattr(_application, _name)
if _served["factory"]:
    _application()  # type: ignore[operator]
