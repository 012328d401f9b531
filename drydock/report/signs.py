"""Signs of life in a log or on a terminal without animation: one line now and then."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console

# A step gives its first sign after this time, and further ones at each multiple of BEAT_SECONDS.
FIRST_SIGN_SECONDS = 2.0
BEAT_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Sign:
    key: str  # unique among running operations
    seconds: float  # its duration so far
    line: str


class Signs:
    """Prints due signs from its own thread."""

    def __init__(
        self, console: Console, look: Callable[[], Iterable[Sign]], first: float = FIRST_SIGN_SECONDS
    ) -> None:
        self._first = first
        self._console = console
        self._look = look
        self._due: dict[str, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def due(self, sign: Sign) -> bool:
        """Tell whether a sign is due, and record it as given if so."""
        if sign.seconds < self._due.get(sign.key, self._first):
            return False
        self._due[sign.key] = (sign.seconds // BEAT_SECONDS + 1) * BEAT_SECONDS
        return True

    def _watch(self) -> None:
        while not self._end.wait(LOOK_EVERY_SECONDS):
            for sign in filter(self.due, self._look()):
                self._console.print(sign.line, markup=False, no_wrap=True, crop=True)
