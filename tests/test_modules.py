"""Every module of drydock can be imported: annotations are evaluated then, unless it says otherwise."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, drydock
for found in pkgutil.walk_packages(drydock.__path__, "drydock."):
    if not found.name.startswith("drydock.container") and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
        print(found.name)
"""


def test_every_module_can_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert {"drydock.cli", "drydock.gates.smoke", "drydock.sessions"} <= set(done.stdout.split())
