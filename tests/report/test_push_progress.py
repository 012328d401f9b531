from __future__ import annotations

import io

import pytest
from rich.console import Console

from drydock.publish.event import Event, LayerProgress, Retry, State
from drydock.report.push_progress import Push, shown

A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
EVENTS: list[Event] = [
    LayerProgress(A, State.WAITING, 0, 2_000_000),
    LayerProgress(B, State.WAITING, 0, 17),
    LayerProgress(B, State.EXISTING, 17, 17),
    LayerProgress(A, State.SENDING, 500_000, 2_000_000),
    LayerProgress(A, State.RETRYING, 500_000, 2_000_000),
    Retry(2, 4, 1.0, "Put [host]: EOF"),
    LayerProgress(A, State.SENDING, 2_000_000, 2_000_000),
    LayerProgress(A, State.SENT, 2_000_000, 2_000_000),
]


def show(*, terminal: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, color_system=None)
    with shown(console) as tell:
        for event in EVENTS:
            tell(event)
    return written.getvalue()


def test_without_a_terminal_each_layer_has_one_line() -> None:
    assert show(terminal=False).splitlines() == [
        "bbbbbbbbbbbb  already there, 17 bytes",
        "aaaaaaaaaaaa  retrying",
        "Put [host]: EOF; attempt 2 of 4 in 1 s",
        "aaaaaaaaaaaa  pushed, 2.0 MB",
    ]


def test_without_a_terminal_a_long_layer_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 100, 5))
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))

    assert "aaaaaaaaaaaa  500.0 kB of 2.0 MB" in show(terminal=False).splitlines()


def test_without_a_terminal_the_signs_of_a_wait_say_what_for() -> None:
    lines = Push(Console(file=io.StringIO()))

    def sign() -> str:
        (one,) = lines.signs()
        return one.line

    assert sign() == "… 0 s · reading the layers"
    lines(LayerProgress(A, State.SENDING, 2_000_000, 2_000_000))
    assert sign() == f"… 0 s · {A}  2.0 MB of 2.0 MB, waiting for the registry"
    lines(LayerProgress(A, State.SENT, 2_000_000, 2_000_000))
    assert sign() == "… 0 s · waiting for the registry"


def test_each_line_begins_the_wait_for_the_next_sign_anew() -> None:
    lines = Push(Console(file=io.StringIO()))
    (before,) = lines.signs()

    lines(LayerProgress(A, State.SENT, 17, 17))

    (after,) = lines.signs()
    assert after.key != before.key


def test_a_terminal_where_nothing_may_move_gets_lines() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, force_interactive=False, width=100)

    with shown(console) as tell:
        for event in EVENTS:
            tell(event)

    assert written.getvalue() == show(terminal=False)


def test_on_a_terminal_each_layer_has_a_bar() -> None:
    lines = show(terminal=True).replace("\r", "\n").splitlines()

    assert any("Put [host]: EOF; attempt 2 of 4 in 1 s" in line for line in lines)
    last = [line for line in lines if "aaaaaaaaaaaa" in line][-1]
    assert "2.0/2.0 MB" in last
    assert last.rstrip().endswith("pushed")
    assert [line for line in lines if "bbbbbbbbbbbb" in line][-1].rstrip().endswith("already there")
