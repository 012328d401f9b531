from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from drydock import interrupts

# Their processes may have been started with a signal ignored, and other tests set handlers.
pytestmark = pytest.mark.usefixtures("python_signals")
HEEDS = """\
import os, signal, sys
from drydock import interrupts
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[2:] else signal.SIG_DFL)
interrupts.heed()
try:
    os.kill(os.getpid(), signal.Signals[sys.argv[1]])
    print("goes on")
except KeyboardInterrupt:
    print("cleans up")
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SIGINT"], "cleans up"),
        (["SIGTERM"], "cleans up"),
        (["SIGHUP"], "cleans up"),
        (["SIGHUP", "ignored, as by nohup"], "goes on"),
    ],
)
def test_each_signal_that_ends_a_command_lets_it_clean_up(arguments: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEEDS, *arguments], check=False, capture_output=True, text=True
    )

    assert done.stdout == f"{said}\n"


def hold(signals: list[signal.Signals], done: list[str], fault: Exception | None = None) -> None:
    with interrupts.held():
        for number in signals:
            signal.raise_signal(number)
        done.append("the rest")
        if fault:
            raise fault


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_held_signal_interrupts_at_the_end_of_the_block(number: signal.Signals) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        hold([number], done)

    assert done == ["the rest"]
    # Its own handler is back.
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_a_second_signal_interrupts_at_once() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        hold([signal.SIGINT, signal.SIGTERM], done)

    assert done == []


def test_a_held_signal_interrupts_a_block_that_fails() -> None:
    fault = OSError("the engine is gone")
    with pytest.raises(KeyboardInterrupt) as caught:
        hold([signal.SIGINT], [], fault)

    assert caught.value.__context__ is fault


def test_other_threads_hold_nothing() -> None:
    handlers = []

    def look() -> None:
        with interrupts.held():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert handlers == [signal.getsignal(signal.SIGINT)]
