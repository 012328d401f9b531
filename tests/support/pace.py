"""Name the running test while it takes long: pytest itself is silent until it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator

import pytest
from rich.console import Console

from drydock.report.signs import BEAT_SECONDS, Sign, Signs


class Pace:
    """A plugin that prints a line about each long test on pytest's terminal."""

    def __init__(self, out: Console) -> None:
        self._running: dict[str, float] = {}
        self._signs = Signs(out, self._look, first=BEAT_SECONDS)

    def _look(self) -> list[Sign]:
        now = time.monotonic()
        return [
            Sign(name, now - began, f"\n… {now - began:.0f} s · {name}")
            for name, began in list(self._running.items())
        ]

    def pytest_sessionstart(self) -> None:
        self._signs.start()

    def pytest_sessionfinish(self) -> None:
        self._signs.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        self._running[item.nodeid] = time.monotonic()
        try:
            return (yield)
        finally:
            del self._running[item.nodeid]


def register(config: pytest.Config) -> None:
    """Add the plugin to a pytest with a terminal reporter."""
    if config.pluginmanager.has_plugin("terminalreporter"):
        # pytest captures the original descriptor while a test runs, so write to a copy.
        reported = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        out = Console(file=reported, highlight=False, width=160, soft_wrap=True)
        config.pluginmanager.register(Pace(out), "pace")
