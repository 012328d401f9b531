"""Show a push: a bar for each layer on a terminal, one line for each finished layer elsewhere.

A registry may take minutes for the last bytes of a layer, and an engine may be slow to read the layers. Then
a spinner turns, or a line appears now and then.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from drydock.publish.event import Event, LayerProgress, Retry, State, Tell
from drydock.report.progress import Moving, sight
from drydock.report.signs import Sign

# Seconds between lines on a slow layer's progress, without a terminal.
BEAT_SECONDS = 2.0
READING = "reading the layers"
THINKING = "waiting for the registry"


@contextmanager
def shown(console: Console) -> Iterator[Tell]:
    """Yield a function that shows a push's events until the context ends."""
    push = Push(console)
    with sight(console, push, push.signs, stay=True):
        yield push
        push.ended = True


class Push:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = Moving(READING)
        self._last = time.monotonic()
        self._done: set[str] = set()
        self._tasks: dict[str, TaskID] = {}
        columns = (TextColumn("{task.fields[layer]}"), BarColumn(), DownloadColumn())
        self._bars = Progress(*columns, TextColumn("{task.fields[state]}"), console=console)
        self.ended = False

    def __call__(self, event: Event) -> None:
        """Move the bar of an event's layer, or print its line."""
        if isinstance(event, Retry):
            self._print(f"{event.reason}; attempt {event.attempt} of {event.attempts} in {event.wait:g} s")
        elif self._console.is_interactive:
            self._line.what = THINKING
            if event.layer not in self._tasks:
                self._tasks[event.layer] = self._bars.add_task("", total=None, layer=event.layer, state="")
            bar = self._tasks[event.layer]
            self._bars.update(bar, state=event.state.value, total=event.size, completed=event.sent)
        else:
            self._tell(event)

    def _tell(self, event: LayerProgress) -> None:
        moved = f"{event.layer}  {decimal(event.sent)} of {decimal(event.size)}"
        self._line.what = f"{moved}, {THINKING}" if event.state is State.SENDING else THINKING
        if event.state is State.RETRYING:
            self._print(f"{event.layer}  {event.state.value}")
        elif event.state is State.SENDING and time.monotonic() - self._last >= BEAT_SECONDS:
            self._print(moved)
        elif event.state.done and event.layer not in self._done:
            self._done.add(event.layer)
            self._print(f"{event.layer}  {event.state.value}, {decimal(event.size)}")

    def signs(self) -> list[Sign]:
        """Return the sign of life since the last line."""
        seconds = time.monotonic() - self._last
        return [Sign(f"{self._last}", seconds, f"… {seconds:.0f} s · {self._line.what}")]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        if not self.ended:
            yield self._line
        yield self._bars.get_renderable()

    def _print(self, line: str) -> None:
        self._last = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
