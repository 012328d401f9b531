"""Run pytest inside the image with the plugin beside this module."""

from __future__ import annotations

from pathlib import Path

# In front of the record, which is the last output: JSON, compressed, as base 85.
MARK = "drydock-record:"
# The tests to begin with, a line each.
FIRST = "DRYDOCK_TESTS_FIRST"
# Writes the plugin, its first argument, where pytest finds it; a read-only root has a writable /tmp.
PROGRAM = """
import os, pathlib, sys, tempfile

folder = tempfile.mkdtemp()
pathlib.Path(folder, "drydock_record.py").write_text(sys.argv[1])
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-p", "drydock_record", *sys.argv[2:]])
"""
PLUGIN = Path(__file__).with_name("plugin.py").read_text(encoding="utf-8")
