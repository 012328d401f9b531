"""Live progress of builds and waits: an animated display on a terminal, one line per step elsewhere.

Words and figures say everything. A terminal that must not move, such as a screen reader's or a recording's,
also gets lines. TERM=dumb or TTY_INTERACTIVE=0 ask for them, as rich defines it.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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


class Moving:
    """A running operation on one line: a spinner, its seconds, its name and its newest detail."""

    def __init__(self, what: str, detail: str = "") -> None:
        self.what = what
        self._detail = detail
        self._began = time.monotonic()
        self._spinner = Spinner("dots")

    def __str__(self) -> str:
        return " · ".join(filter(None, (f"{self.seconds:.0f} s", self.what, self._detail)))

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        self._spinner.update(text=_cut(str(self), options.max_width - 2))
        yield self._spinner

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, detail: str) -> None:
        self._detail = detail


class Building:
    """A build while it runs: it takes the updates, and prints a line for each executed step."""

    def __init__(self, title: str, out: Console) -> None:
        self.line = Moving(title, "0 steps done, 0 cached")
        self.done: dict[str, Step] = {}
        self.cached = 0  # steps, each name once
        self._console = out
        self._running: dict[str, tuple[Step, float]] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, update: Update) -> None:
        step = update.step
        with self._lock:
            if update.kind == "started":
                self._running[step.digest] = (step, time.monotonic())
            elif update.kind == "done":
                self._running.pop(step.digest, None)
        if update.kind == "done":
            self._ended(step)

    def _ended(self, step: Step) -> None:
        self.done[step.digest] = step
        done = once(self.done.values())
        self.line.tell(f"{counted(len(done), 'step')} done, {sum(one.cached for one in done)} cached")
        # Several parts of a build may run the same step: its name gets one line.
        if step.counts and not step.cancelled and step.name not in self._told:
            self._told.add(step.name)
            self.cached += step.cached
            if not step.cached:
                self._console.print(step_line(step, self._console.width), no_wrap=True, crop=True)

    def _steps(self) -> list[tuple[Step, float]]:
        now = time.monotonic()
        with self._lock:
            return [(step, now - began) for step, began in self._running.values()]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        steps = self._steps()
        yield self.line
        for step, taken in steps[:SHOWN_STEPS]:
            yield _cut(running_line(step, taken), options.max_width)
        if more := steps[SHOWN_STEPS:]:
            yield Text(f"        and {len(more)} more")

    def signs(self) -> list[Sign]:
        return [Sign(step.digest, taken, running_line(step, taken)) for step, taken in self._steps()]


@contextmanager
def building(title: str, out: Console | None = None, *, brief: bool = False) -> Iterator[OnUpdate]:
    """Show a build, and yield a function that takes its updates.

    All cached steps together get one line. A brief build has a single line at its end. The remarks of steps
    come last, also after a failure.
    """
    out = out or console(stderr=True)
    build = Building(title, out)
    if not out.is_interactive and not brief:
        out.print(f"building {title}", markup=False)
    try:
        with sight(out, build, build.signs):
            yield build
        if brief:
            out.print(Text(str(build.line), style="dim"), soft_wrap=True)
    finally:
        if build.cached and not brief:
            out.print(Text(f"{'cached':>{OUTCOME_WIDTH}}  {counted(build.cached, 'step')}", style="dim"))
        for remark in remarks(build.done.values()):
            key_values(out, {"note": remark})


@contextmanager
def waiting(what: str, out: Console | None = None, *, said: bool = False) -> Iterator[Callable[[str], None]]:
    """Show a wait and its duration; yield a function for its newest detail. `said`: announced already."""
    out = out or console(stderr=True)
    if not out.is_interactive and not said:
        out.print(what, markup=False)
    line = Moving(what)
    with sight(out, line, lambda: [Sign(what, line.seconds, f"… {line}")]):
        yield line.tell


class Shown(Progress):
    """Shows builds, waits and programs' output on standard error; announces each wait once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def build(self, title: str, brief: bool) -> AbstractContextManager[OnUpdate]:
        return building(title, brief=brief)

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


@contextmanager
def sight(
    out: Console, picture: RenderableType, signs: Callable[[], list[Sign]], *, stay: bool = False
) -> Iterator[None]:
    """Show a live display, or signs of life where none may move."""
    shown: Live | Signs = Signs(out, signs)
    if out.is_interactive:
        shown = Live(
            picture,
            console=out,
            transient=not stay,
            refresh_per_second=REFRESHES_PER_SECOND,
            # A result for a file or a pipe must go there, even during a live display.
            redirect_stdout=sys.stdout.isatty(),
        )
    shown.start()
    try:
        yield
    finally:
        shown.stop()


def _cut(line: str, width: int) -> Text:
    text = Text(line)
    text.truncate(width, overflow="ellipsis")
    return text
