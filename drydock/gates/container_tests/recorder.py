"""Run pytest with a plugin that begins with some tests, and records the functions that each test calls.

Both programs run inside the image. The plugin needs `sys.monitoring` (Python 3.12) to record.
"""

from __future__ import annotations

# In front of the record, which is the last output: JSON, compressed, as base 85.
MARK = "drydock-record:"
# So many failures are shown at once; pytest shows all of them at its end.
SHOWN = 3
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
PLUGIN = f"""
import base64, json, os, sys, time, zlib

import pytest

TOP = os.getcwd() + os.sep
TOOL = 3  # debuggers, coverage and profilers have other numbers
monitoring = getattr(sys, "monitoring", None)
names = {{}}  # a code object and its name, by the object's id
called = set()
tests = {{}}  # seconds and functions, by test


def begun(code, _offset):
    if id(code) not in names:
        if not code.co_filename.startswith(TOP):
            return monitoring.DISABLE
        function = code.co_qualname.partition(".<locals>")[0]
        names[id(code)] = code, f"{{code.co_filename[len(TOP):]}}:{{function}}"
    called.add(names[id(code)][1])


if monitoring and not monitoring.get_tool(TOOL):
    monitoring.use_tool_id(TOOL, "drydock")
    monitoring.register_callback(TOOL, monitoring.events.PY_START, begun)
    monitoring.set_events(TOOL, monitoring.events.PY_START)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    first = {{name: place for place, name in enumerate(os.environ.get("{FIRST}", "").splitlines())}}
    items.sort(key=lambda item: first.get(item.nodeid, first.get(item.nodeid.partition("[")[0], len(first))))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    began = time.perf_counter()
    called.clear()
    yield
    tests[item.nodeid] = round(time.perf_counter() - began, 3), sorted(called)


class Failures:
    shown = 0

    def __init__(self, terminal):
        self.terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if report.failed and self.shown < {SHOWN}:
            self.shown += 1
            self.terminal.ensure_newline()
            self.terminal.write_line(f"{{report.nodeid}} failed:\\n{{report.longreprtext}}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if terminal := config.pluginmanager.get_plugin("terminalreporter"):
        config.pluginmanager.register(Failures(terminal), "drydock-failures")


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["drydock"] = json.dumps(tests)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    tests.update(json.loads(getattr(node, "workeroutput", {{}}).get("drydock", "{{}}")))


def pytest_unconfigure(config):
    if monitoring:
        monitoring.set_events(TOOL, 0)
    if not hasattr(config, "workeroutput"):
        packed = base64.b85encode(zlib.compress(json.dumps(tests).encode())).decode()
        sys.stdout.write(f"\\n{MARK}{{packed}}\\n")
        sys.stdout.flush()
"""
