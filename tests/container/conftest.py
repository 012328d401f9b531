"""Make the image's own scripts importable, as they are in the image."""

import sys

from tests.conftest import ROOT

sys.path[:0] = [
    str(ROOT / "drydock/container"),
    str(ROOT / "drydock/container/install"),
    str(ROOT / "backend/image/measure"),
]
