"""A plugin of pytest that begins with some tests, and records the functions that each test calls.

It is not imported here: it runs inside the image, on any Python 3. Recording needs `sys.monitoring` (3.12).
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import zlib
from collections.abc import Generator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

# As in drydock, which the image does not have.
MARK = "drydock-record:"
FIRST = "DRYDOCK_TESTS_FIRST"
# So many failures are shown at once; pytest shows all of them at its end.
SHOWN = 3
TOP = f"{Path.cwd()}{os.sep}"
TOOL = 3  # debuggers, coverage and profilers have other numbers

monitoring: Any = getattr(sys, "monitoring", None)
names: dict[int, tuple[CodeType, str]] = {}  # a code object and its name, by the object's id
called: set[str] = set()
tests: dict[str, Any] = {}  # seconds and functions, by test


def begun(code: Any, _offset: int) -> Any:
    if id(code) not in names:
        if not code.co_filename.startswith(TOP):
            return monitoring.DISABLE
        function = code.co_qualname.partition(".<locals>")[0]
        names[id(code)] = code, f"{code.co_filename[len(TOP) :]}:{function}"
    called.add(names[id(code)][1])
    return None


if monitoring and not monitoring.get_tool(TOOL):
    monitoring.use_tool_id(TOOL, "drydock")
    monitoring.register_callback(TOOL, monitoring.events.PY_START, begun)
    monitoring.set_events(TOOL, monitoring.events.PY_START)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = {name: place for place, name in enumerate(os.environ.get(FIRST, "").splitlines())}
    items.sort(key=lambda item: first.get(item.nodeid, first.get(item.nodeid.partition("[")[0], len(first))))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, None, None]:
    began = time.perf_counter()
    called.clear()
    yield
    tests[item.nodeid] = round(time.perf_counter() - began, 3), sorted(called)


class Failures:
    shown = 0

    def __init__(self, terminal: Any) -> None:
        self.terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.shown < SHOWN:
            self.shown += 1
            self.terminal.ensure_newline()
            self.terminal.write_line(f"{report.nodeid} failed:\n{report.longreprtext}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if terminal := config.pluginmanager.get_plugin("terminalreporter"):
        config.pluginmanager.register(Failures(terminal), "drydock-failures")


def pytest_sessionfinish(session: Any) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["drydock"] = json.dumps(tests)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    tests.update(json.loads(getattr(node, "workeroutput", {}).get("drydock", "{}")))


def pytest_unconfigure(config: pytest.Config) -> None:
    if monitoring:
        monitoring.set_events(TOOL, 0)
    if not hasattr(config, "workeroutput"):
        packed = base64.b85encode(zlib.compress(json.dumps(tests).encode())).decode()
        sys.stdout.write(f"\n{MARK}{packed}\n")
        sys.stdout.flush()
