"""Ctrl-C, SIGTERM and a closed terminal end a command alike, and leave nothing without an owner."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heed() -> None:
    """Make the other signals of ENDING raise KeyboardInterrupt; one that is ignored stays so, as by nohup."""
    for number in ENDING[1:]:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def held() -> Iterator[None]:
    """Let a signal interrupt at the end of a block only, such as when the new container has an owner.

    A second signal interrupts at once. Signals reach the main thread alone, so other threads need nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, hold) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for first in came[:1]:
            signal.raise_signal(first)
