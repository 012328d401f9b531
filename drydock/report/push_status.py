"""The pre-push hook on a terminal: one moving line with the gate, its seconds and the running test.

A test that fails is printed at once, also elsewhere.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live

from drydock.build import OnUpdate
from drydock.report.progress import REFRESHES_PER_SECOND, Moving
from drydock.workspace import Progress

_TEST = re.compile(r"(\S+\.py::\S+)")
# pytest's line, with several processes and with one.
_FAILED = re.compile(r"FAILED (\S+\.py::\S+)|(\S+\.py::\S+) FAILED")


class Status(Progress):
    """Shows the current operation on one line of a terminal, and nothing elsewhere."""

    names_tests = True

    def __init__(self, out: Console) -> None:
        self.line: Moving | None = None
        self._out = out
        self._failed: set[str] = set()

    @contextmanager
    def _shown(self, what: str) -> Iterator[None]:
        if self.line or not self._out.is_interactive:
            yield
            return
        self.line = Moving(what)
        quiet = Live(
            self.line,
            console=self._out,
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with quiet:
            try:
                yield
            finally:
                self.line = None

    @contextmanager
    def build(self, title: str, _brief: bool) -> Iterator[OnUpdate]:
        """Show a build's most recently started step."""
        with self._shown(f"building {title}"):
            yield lambda update: self._tell(update.step.instruction)

    def _tell(self, detail: str) -> None:
        if self.line:
            self.line.tell(detail)

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
            self._tell(found[-1])


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
