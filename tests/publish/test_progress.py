from __future__ import annotations

import io

from rich.console import Console

from drydock.publish.progress import shown
from drydock.publish.push import Event
from drydock.publish.retry import Retry
from drydock.publish.stream import LayerProgress, State

EVENTS: list[Event] = [
    LayerProgress("aaaaaaaaaaaa", State.WAITING),
    LayerProgress("bbbbbbbbbbbb", State.EXISTING),
    LayerProgress("aaaaaaaaaaaa", State.SENDING, 500_000, 2_000_000),
    LayerProgress("aaaaaaaaaaaa", State.RETRYING),
    Retry(2, 4, 1.0, "Put [host]: EOF"),
    LayerProgress("aaaaaaaaaaaa", State.SENDING, 2_500_000, 2_000_000),
    LayerProgress("aaaaaaaaaaaa", State.SENT),
    LayerProgress("bbbbbbbbbbbb", State.EXISTING),
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
        "bbbbbbbbbbbb  already there",
        "aaaaaaaaaaaa  retrying",
        "Put [host]: EOF; attempt 2 of 4 in 1 s",
        "aaaaaaaaaaaa  pushed",
    ]


def test_on_a_terminal_each_layer_has_a_bar() -> None:
    lines = show(terminal=True).replace("\r", "\n").splitlines()

    assert any("Put [host]: EOF; attempt 2 of 4 in 1 s" in line for line in lines)
    last = [line for line in lines if "aaaaaaaaaaaa" in line][-1]
    assert "2.0/2.0 MB" in last
    assert last.rstrip().endswith("pushed")
    assert [line for line in lines if "bbbbbbbbbbbb" in line][-1].rstrip().endswith("already there")
