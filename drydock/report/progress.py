"""Live progress of builds and waits: an animated display on a terminal, one line per step elsewhere.

Words and figures say everything. A terminal that must not move, such as a screen reader's or a recording's,
also gets lines. TERM=dumb or TTY_INTERACTIVE=0 ask for them, as rich defines it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from drydock.build import OnUpdate
from drydock.build.events import Step, Update, once, remarks
from drydock.report import NARROW, console, megabytes
from drydock.report.signs import Sign, Signs
from drydock.report.tables import key_values
from drydock.spelling import counted
from drydock.workspace import Progress

REFRESHES_PER_SECOND = 8
# Longer lines are hard to read, however wide the terminal.
LONGEST_LINE = 120
OUTCOME_WIDTH = 7
STAGE_WIDTH = 12
SHOWN_STEPS = 4


def step_line(step: Step, width: int) -> Text:
    """Format a finished step as one line: its time or `cached`, stage, instruction, downloads."""
    outcome = "failed" if step.error else "cached" if step.cached else f"{step.seconds:.1f} s"
    style = "red" if step.error else "dim" if step.cached else ""
    narrow = width < NARROW
    parts = [
        (outcome if narrow else f"{outcome:>{OUTCOME_WIDTH}}", style or "green"),
        ("  ", style),
        (step.stage if narrow else f"{step.stage:<{STAGE_WIDTH}}", style or "bold"),
        (" ", style),
        (" ".join(filter(None, (step.instruction, _downloads(step)))), style),
    ]
    line = Text.assemble(*parts)
    line.truncate(min(width, LONGEST_LINE), overflow="ellipsis")
    return line


def running_line(step: Step, seconds: float) -> str:
    """Format a running step as one line: time, stage, instruction, and traffic or its last output."""
    moved = sum(step.transfers.values())
    detail = _downloads(step) or (f"{megabytes(moved)} moved" if moved else step.log[-1] if step.log else "")
    words = f"{step.stage:<{STAGE_WIDTH}} {step.instruction[:NARROW]}"
    return f"{seconds:>{OUTCOME_WIDTH - 2}.0f} s  {words}{f' · {detail}' if detail else ''}"


def _downloads(step: Step) -> str:
    if not step.downloads:
        return ""
    return f"({counted(len(step.downloads), 'download')}, {megabytes(sum(step.downloads.values()))})"


class BuildProgress:
    """Show a build while it runs: a context manager that takes the build's updates.

    Each executed step gets a line, and all cached steps together get one. A brief build has a single line at
    its end. The steps' remarks come last, also after a failure.
    """

    def __init__(self, title: str, out: Console | None = None, *, brief: bool = False) -> None:
        self._brief = brief
        self._title = title
        self._console = out or console(stderr=True)
        self._running: dict[str, tuple[Step, float]] = {}
        self._done: dict[str, Step] = {}
        self._told: set[str] = set()
        self._cached = 0
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._sight = sight(self._console, self._render, self._under_way)

    def __enter__(self) -> Self:
        if not self._console.is_interactive and not self._brief:
            self._console.print(f"building {self._title}", markup=False)
        self._sight.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sight.stop()
        if self._brief and error is None:
            self._console.print(Text(self._summary(), style="dim"), soft_wrap=True)
        elif self._cached and not self._brief:
            steps = counted(self._cached, "step")
            self._console.print(Text(f"{'cached':>{OUTCOME_WIDTH}}  {steps}", style="dim"))
        for remark in remarks(self._done.values()):
            key_values(self._console, {"note": remark})

    def __call__(self, update: Update) -> None:
        step = update.step
        with self._lock:
            if update.kind == "started":
                self._running[step.digest] = (step, time.monotonic())
            elif update.kind == "done":
                self._running.pop(step.digest, None)
                self._done[step.digest] = step
        # Several parts of a build may run the same step: its name gets one line.
        if update.kind == "done" and step.counts and not step.cancelled and step.name not in self._told:
            self._told.add(step.name)
            self._cached += step.cached
            if not step.cached:
                self._console.print(step_line(step, self._console.width), no_wrap=True, crop=True)

    def _steps(self) -> list[tuple[Step, float]]:
        now = time.monotonic()
        with self._lock:
            return [(step, now - began) for step, began in self._running.values()]

    def _render(self) -> RenderableType:
        steps = self._steps()
        lines: list[RenderableType] = [spun(self._spinner, self._summary(), self._console.width)]
        lines += [_cut(running_line(step, taken), self._console.width) for step, taken in steps[:SHOWN_STEPS]]
        if more := steps[SHOWN_STEPS:]:
            lines.append(Text(f"        and {len(more)} more"))
        return Group(*lines)

    def _summary(self) -> str:
        seconds = time.monotonic() - self._began
        with self._lock:
            done = once(self._done.values())
        cached = sum(step.cached for step in done)
        return f"{seconds:.0f} s · {self._title} · {counted(len(done), 'step')} done, {cached} cached"

    def _under_way(self) -> list[Sign]:
        return [Sign(step.digest, taken, running_line(step, taken)) for step, taken in self._steps()]


@contextmanager
def waiting(what: str, out: Console | None = None, *, said: bool = False) -> Iterator[Callable[[str], None]]:
    """Show a wait and its duration; yield a function for its newest detail. `said`: announced already."""
    shown = out or console(stderr=True)
    began = time.monotonic()
    newest = [""]
    spinner = Spinner("dots")

    def line() -> str:
        return " · ".join(filter(None, (f"{time.monotonic() - began:.0f} s", what, newest[0])))

    def tell(detail: str) -> None:
        newest[0] = detail

    def signs() -> list[Sign]:
        return [Sign(what, time.monotonic() - began, f"… {line()}")]

    if not shown.is_interactive and not said:
        shown.print(what, markup=False)
    seen = sight(shown, lambda: spun(spinner, line(), shown.width), signs)
    seen.start()
    try:
        yield tell
    finally:
        seen.stop()


class Shown(Progress):
    """Shows builds, waits and programs' output on standard error; announces each wait once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def build(self, title: str, brief: bool) -> AbstractContextManager[OnUpdate]:
        return BuildProgress(title, brief=brief)

    def wait(self, what: str) -> AbstractContextManager[object]:
        said = what in self._said
        self._said.add(what)
        return waiting(what, said=said)

    def under_way(self, what: str) -> AbstractContextManager[object]:
        return under_way(what)

    def output(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def under_way(what: str) -> AbstractContextManager[object]:
    """Show a running operation on a terminal; elsewhere its own output is enough."""
    return waiting(what) if console(stderr=True).is_interactive else nullcontext()


def beside_progress() -> Console:
    """Return the console for results that are printed while a display of progress runs.

    Where both are on the terminal, results go through the display's console: it makes room for them.
    """
    shown = console(stderr=True)
    return shown if shown.is_interactive and sys.stdout.isatty() else console()


def sight(
    out: Console, render: Callable[[], RenderableType], signs: Callable[[], list[Sign]], *, stay: bool = False
) -> Live | Signs:
    """Return a live display, or signs of life where none may move; the caller starts and stops it."""
    if not out.is_interactive:
        return Signs(out, signs)
    return Live(
        console=out,
        get_renderable=render,
        transient=not stay,
        refresh_per_second=REFRESHES_PER_SECOND,
        # A result for a file or a pipe must go there, even during a live display.
        redirect_stdout=sys.stdout.isatty(),
    )


def spun(spinner: Spinner, line: str, width: int) -> Spinner:
    """Update a spinner's text, cut to one line."""
    spinner.update(text=_cut(line, width - 2))
    return spinner


def _cut(line: str, width: int) -> Text:
    text = Text(line)
    text.truncate(width, overflow="ellipsis")
    return text
