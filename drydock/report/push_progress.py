"""Show a push: a bar for each layer on a terminal, one line for each finished layer elsewhere.

A registry may think for minutes about the last bytes of a layer, and reading the layers from the engine may
take a while: then a spinner turns, or a line comes now and then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.spinner import Spinner

from drydock.publish.event import Event, LayerProgress, Retry, State, Tell
from drydock.report.signs import Sign, Signs

# Without a terminal, a layer that takes long says how far it is this often.
BEAT_SECONDS = 2.0
READING = "reading the layers"
THINKING = "waiting for the registry"


@contextmanager
def shown(console: Console) -> Iterator[Tell]:
    """Yield what `push` is to tell its events to, for as long as they are to be shown."""
    if console.is_interactive:
        with Bars(console) as bars:
            yield bars
            bars.end()
    else:
        lines = Lines(console)
        lines.signs.start()
        try:
            yield lines
        finally:
            lines.signs.stop()


def retry_line(event: Retry) -> str:
    """Return the line that announces another attempt."""
    return f"{event.reason}; attempt {event.attempt} of {event.attempts} in {event.wait:g} s"


class Lines:
    """One line for each layer that is there and for each new attempt; now and then one for a wait."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done: set[str] = set()
        self._last = time.monotonic()
        self._doing = READING
        self.signs = Signs(console, self.under_way)

    def __call__(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        if isinstance(event, Retry):
            self._print(retry_line(event))
            return
        self._doing = (
            f"{event.layer}  {_moved(event)}, {THINKING}" if event.state is State.SENDING else THINKING
        )
        if event.state is State.RETRYING:
            self._print(f"{event.layer}  {event.state.value}")
        elif event.state is State.SENDING and time.monotonic() - self._last >= BEAT_SECONDS:
            self._print(f"{event.layer}  {_moved(event)}")
        elif event.state.done and event.layer not in self._done:
            self._done.add(event.layer)
            self._print(f"{event.layer}  {event.state.value}, {decimal(event.size)}")

    def under_way(self) -> list[Sign]:
        """Return what has been going on since the last line."""
        since = self._last
        seconds = time.monotonic() - since
        return [Sign(f"{since}", seconds, f"… {seconds:.0f} s · {self._doing}")]

    def _print(self, line: str) -> None:
        self._last = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _moved(event: LayerProgress) -> str:
    return f"{decimal(event.sent)} of {decimal(event.size)}"


class Bars(Progress):
    """A bar for each layer, below a line that says what the push is at and for how long."""

    def __init__(self, console: Console) -> None:
        self._began = time.monotonic()
        self._doing = READING
        self._spinner = Spinner("dots")
        self._bars: dict[str, TaskID] = {}
        super().__init__(
            TextColumn("{task.fields[layer]}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )

    def __call__(self, event: Event) -> None:
        """Move the bar of an event's layer, or announce another attempt above the bars."""
        if isinstance(event, Retry):
            self.console.print(retry_line(event), markup=False, highlight=False)
        else:
            self._doing = THINKING
            self._move(event)

    def end(self) -> None:
        """Wait for nothing any more."""
        self._doing = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield what is shown now."""
        if self._doing:
            self._spinner.update(text=f"{time.monotonic() - self._began:.0f} s · {self._doing}")
            yield self._spinner
        yield from super().get_renderables()

    def _move(self, event: LayerProgress) -> None:
        if event.layer not in self._bars:
            self._bars[event.layer] = self.add_task("", total=None, layer=event.layer, state="")
        bar = self._bars[event.layer]
        self.update(bar, state=event.state.value, total=event.size, completed=event.sent)
