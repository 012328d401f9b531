"""Start the application as far as it comes without a request: import it, and call it if it is a factory."""

import gc
import importlib
import os
import sys
from pathlib import Path

# The application must not find this script's neighbours by their names.
sys.path.insert(0, str(Path(__file__).parent))
importlib.import_module("notes")
del sys.path[0], sys.modules["notes"]
# As the image's start script does.
gc.disable()
_module, _, _attribute = os.environ["APP_ENTRY_POINT"].partition(":")
_application = importlib.import_module(_module)
for _name in _attribute.split("."):
    _application = getattr(_application, _name)
if os.environ.get("APP_FACTORY") == "1":
    _application()  # type: ignore[operator]
