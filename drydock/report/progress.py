"""Live progress of builds and waits: a moving picture on a terminal, one line a step elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.text import Text

from drydock.build.events import Step, Update
from drydock.report import console, megabytes

# Without a terminal, a step that takes longer than this announces itself, and again at each multiple of BEAT.
FIRST_SIGN_SECONDS = 2.0
BEAT_SECONDS = 10.0


def step_line(step: Step, width: int) -> Text:
    """Return one finished step on one line: stage, instruction, and its time or that it was cached."""
    outcome = "cached" if step.cached else f"{step.seconds:.1f} s"
    if step.error:
        outcome = "failed"
    label = f"{step.stage:<10} "
    room = max(20, width - len(label) - len(outcome) - 2)
    instruction = step.instruction
    shown = instruction if len(instruction) <= room else instruction[: room - 1] + "…"
    style = "red" if step.error else "dim" if step.cached else ""
    return Text.assemble(
        (label, style or "cyan"), (shown.ljust(room), style), "  ", (outcome, style or "green")
    )


class BuildProgress:
    """Show a build while it runs; use as a context manager and pass it as ``on_update``."""

    def __init__(self, target: str, out: Console | None = None) -> None:
        self._target = target
        self._console = out or console(stderr=True)
        self._running: dict[str, Step] = {}
        self._done = 0
        self._cached = 0
        self._began = time.monotonic()
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._live = Live(
            console=self._console, get_renderable=self._render, transient=True, refresh_per_second=8
        )
        self._beat = threading.Thread(target=self._announce, daemon=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(f"building {self._target}")
            self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._live.stop()

    def __call__(self, update: Update) -> None:
        step = update.step
        with self._lock:
            if update.kind == "started":
                self._running[step.digest] = step
                self._seen[step.digest] = time.monotonic()
            elif update.kind == "done":
                self._running.pop(step.digest, None)
                if step.counts:
                    self._done += 1
                    self._cached += step.cached
        if update.kind == "done" and step.counts:
            self._console.print(step_line(step, min(self._console.width, 120)), no_wrap=True, crop=True)

    def _render(self) -> RenderableType:
        with self._lock:
            running = list(self._running.values())
        summary = f"{self._target}: {self._done} steps done, {self._cached} cached, {self._elapsed():.0f} s"
        lines: list[RenderableType] = [Spinner("dots", text=Text(summary, style="bold"))]
        for step in running[:4]:
            lines.append(Text(self._running_line(step), no_wrap=True, overflow="ellipsis"))
        return Group(*lines)

    def _running_line(self, step: Step) -> str:
        seconds = time.monotonic() - self._seen.get(step.digest, time.monotonic())
        detail = step.log[-1] if step.log else ""
        if moved := sum(step.transfers.values()):
            detail = f"{megabytes(moved)} moved"
        stage = f"{step.stage} " if step.stage else ""
        return f"  {stage}{step.instruction[:60]} · {seconds:.0f} s{' · ' + detail if detail else ''}"

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _announce(self) -> None:
        """Tell, without a terminal, what a long step is doing: nothing stays silent."""
        announced: dict[str, float] = {}
        while not self._stop.wait(0.5):
            with self._lock:
                running = list(self._running.values())
            for step in running:
                seconds = time.monotonic() - self._seen[step.digest]
                due = announced.get(step.digest, FIRST_SIGN_SECONDS)
                if seconds >= due:
                    announced[step.digest] = BEAT_SECONDS if due < BEAT_SECONDS else due + BEAT_SECONDS
                    self._console.print(
                        "…" + self._running_line(step)[1:], markup=False, no_wrap=True, crop=True
                    )


@contextmanager
def waiting(what: str, out: Console | None = None) -> Iterator[Callable[[str], None]]:
    """Show that something is waited for, and the newest detail of it.

    Yields:
        A function that takes a new detail, such as the last line of a log.
    """
    shown = out or console(stderr=True)
    if not shown.is_terminal:
        shown.print(what, markup=False)
        last = [time.monotonic()]  # what is waited for was just said

        def tell(detail: str) -> None:
            if time.monotonic() - last[0] >= FIRST_SIGN_SECONDS:
                last[0] = time.monotonic()
                shown.print(f"  … {detail}", markup=False)

        yield tell
        return
    with shown.status(escape(what)) as status:
        yield lambda detail: status.update(f"{escape(what)} [dim]{escape(detail)}[/dim]")
