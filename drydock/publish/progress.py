"""Show a push: a bar for each layer on a terminal, one line for each finished layer elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from drydock.publish.event import Event, LayerProgress, State, Tell
from drydock.publish.retry import Retry

# Without a terminal, a layer that takes long says how far it is this often.
BEAT_SECONDS = 2.0


@contextmanager
def shown(console: Console) -> Iterator[Tell]:
    """Yield what `push` is to tell its events to, for as long as they are to be shown."""
    if console.is_terminal:
        bars = Bars(console)
        with bars.progress:
            yield bars
    else:
        yield Lines(console)


def retry_line(event: Retry) -> str:
    """Return the line that announces another attempt."""
    return f"{event.reason}; attempt {event.attempt} of {event.attempts} in {event.wait:g} s"


class Lines:
    """One line for each layer that is there, for each new attempt, and now and then for a long layer."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done: set[str] = set()
        self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        if isinstance(event, Retry):
            self._print(retry_line(event))
        elif event.state is State.RETRYING:
            self._print(f"{event.layer}  {event.state.value}")
        elif event.state is State.SENDING and time.monotonic() - self._last >= BEAT_SECONDS:
            self._print(f"{event.layer}  {decimal(event.sent)} of {decimal(event.size)}")
        elif event.state.done and event.layer not in self._done:
            self._done.add(event.layer)
            self._print(f"{event.layer}  {event.state.value}, {decimal(event.size)}")

    def _print(self, line: str) -> None:
        self._last = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Bars:
    """A bar for each layer."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.fields[layer]}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        """Move the bar of an event's layer, or announce another attempt above the bars."""
        if isinstance(event, Retry):
            self.progress.console.print(retry_line(event), markup=False, highlight=False)
        else:
            self._move(event)

    def _move(self, event: LayerProgress) -> None:
        if event.layer not in self._tasks:
            self._tasks[event.layer] = self.progress.add_task("", total=None, layer=event.layer, state="")
        task = self._tasks[event.layer]
        self.progress.update(task, state=event.state.value, total=event.size, completed=event.sent)
