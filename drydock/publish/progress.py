"""Show a push: a bar for each layer on a terminal, one line for each finished layer elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from drydock.publish.push import Event, Tell
from drydock.publish.retry import Retry
from drydock.publish.stream import LayerProgress, State


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
    """One line for each layer that the registry has, and for each new attempt."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        if isinstance(event, Retry):
            self._print(retry_line(event))
        elif event.state is State.RETRYING:
            self._print(f"{event.layer}  {event.state.value}")
        elif event.state.done and event.layer not in self._done:
            self._done.add(event.layer)
            self._print(f"{event.layer}  {event.state.value}")

    def _print(self, line: str) -> None:
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
        self.progress.update(task, state=event.state.value)
        if event.size:
            self.progress.update(task, total=event.size, completed=min(event.sent, event.size))
        if event.state.done:
            # The engine tells the size of no layer that is there already.
            total = self.progress.tasks[task].total or 1
            self.progress.update(task, total=total, completed=total)
