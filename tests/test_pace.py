from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, write_files

CONFTEST = """
import pytest
from drydock.report import signs
from tests.support import pace

pace.BEAT_SECONDS = 1.0
signs.BEAT_SECONDS = 1.0

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    pace.register(config)
"""
TESTS = """
import time

def test_short():
    pass

def test_long():
    time.sleep(2.7)
"""


def test_a_long_test_gives_signs_of_life_and_a_short_one_none(tmp_path: Path) -> None:
    write_files(tmp_path, {"conftest.py": CONFTEST, "test_it.py": TESTS, "pytest.ini": "[pytest]\n"})

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    signs = [line.partition(" · ")[2] for line in done.stdout.splitlines() if line.startswith("… ")]
    assert set(signs) == {"test_it.py::test_long"}
