"""Tell during a long test which one it is: pytest itself is silent until it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator

import pytest
from rich.console import Console

from drydock.report.signs import BEAT_SECONDS, Sign, Signs


class Pace:
    """A plugin that prints a line for a test that takes long, on the terminal that pytest reports to."""

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
        """Begin to look."""
        self._signs.start()

    def pytest_sessionfinish(self) -> None:
        """Print no more."""
        self._signs.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        """Note which test runs, and since when."""
        self._running[item.nodeid] = time.monotonic()
        try:
            return (yield)
        finally:
            del self._running[item.nodeid]


def register(config: pytest.Config) -> None:
    """Add the plugin to a pytest that reports to somebody."""
    if config.pluginmanager.has_plugin("terminalreporter"):
        # While a test runs, pytest keeps for itself what goes to the descriptor that this is a copy of.
        reported = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        out = Console(file=reported, highlight=False, width=160, soft_wrap=True)
        config.pluginmanager.register(Pace(out), "pace")
