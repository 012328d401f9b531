"""The image's own scripts are importable here as they are in the image."""

import sys

from tests.conftest import ROOT

sys.path[:0] = [str(ROOT / "image"), str(ROOT / "image" / "measure")]
