"""The pre-push hook on a terminal: one moving line with the gate, its seconds and the running test.

A test that fails is printed at once, also elsewhere.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner

from drydock.build import OnUpdate
from drydock.build.events import Update
from drydock.report.progress import REFRESHES_PER_SECOND
from drydock.workspace import Progress

_TEST = re.compile(r"(\S+\.py::\S+)")
# pytest's line, with several processes and with one.
_FAILED = re.compile(r"FAILED (\S+\.py::\S+)|(\S+\.py::\S+) FAILED")


class Status(Progress):
    """Shows the current operation on one line of a terminal, and nothing elsewhere."""

    names_tests = True

    def __init__(self, out: Console) -> None:
        self._out = out
        self._failed: set[str] = set()
        self._doing = ""
        self._detail = ""
        self._began = time.monotonic()
        self._spinner = Spinner("dots")

    @contextmanager
    def _shown(self, what: str) -> Iterator[None]:
        if self._doing or not self._out.is_interactive:
            yield
            return
        self._doing, self._detail, self._began = what, "", time.monotonic()
        with Live(
            console=self._out,
            get_renderable=self.line,
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            try:
                yield
            finally:
                self._doing = ""

    @contextmanager
    def build(self, title: str, _brief: bool) -> Iterator[OnUpdate]:
        """Show a build's most recently started step."""
        with self._shown(f"building {title}"):
            yield self._stepped

    def _stepped(self, update: Update) -> None:
        self._detail = update.step.instruction

    def wait(self, what: str) -> AbstractContextManager[object]:
        return self._shown(what)

    def under_way(self, what: str) -> AbstractContextManager[object]:
        return self._shown(what)

    def output(self, text: str) -> None:
        """Remember the last test that a program's output names, and print those that failed."""
        for match in _FAILED.finditer(text):
            name = match[1] or match[2]
            if name not in self._failed:
                self._failed.add(name)
                self._out.print(f"failed  {name}", markup=False, soft_wrap=True)
        if found := _TEST.findall(text):
            self._detail = found[-1]

    def line(self) -> RenderableType:
        seconds = f"{time.monotonic() - self._began:.0f} s"
        words = " · ".join(filter(None, (self._doing, seconds, self._detail)))
        self._spinner.update(text=escape(words[: self._out.width - 3]))
        return self._spinner


@contextmanager
def status() -> Iterator[Status]:
    """Yield a status on standard error, or on /dev/tty where pre-commit captures standard error."""
    with ExitStack() as stack:
        out: TextIO = sys.stderr
        if not out.isatty():
            with suppress(OSError):
                out = stack.enter_context(Path("/dev/tty").open("w", encoding="utf-8"))
                # pre-commit has started a line of its own.
                out.write("\n")
        yield Status(Console(file=out, highlight=False))
