"""Documents generated from the image agree with it."""

from __future__ import annotations

import os

from drydock.engine import connect
from drydock.gates.kubernetes import EXPECTATIONS, application
from drydock.gates.kubernetes.finding import read
from drydock.report import environment
from tests.conftest import ROOT


def test_docs_environment_is_what_the_image_reads() -> None:
    listed = application.settings(connect(), os.environ["DRYDOCK_IMAGE"], read(ROOT / EXPECTATIONS).settings)
    start = environment.start_script((ROOT / "drydock/container/start.py").read_text(encoding="utf-8"))

    page = ROOT / "docs/reference/environment.md"

    assert page.read_text(encoding="utf-8") == environment.page(listed, start)
