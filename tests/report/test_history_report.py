from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from drydock.report.history import as_json, plot, show, trends
from drydock.state.history import Build
from tests.state.history.samples import build, judged, weighed

NOW = 1_800_000_000.0
BUILDS = [
    replace(
        build(NOW + 60 * number, seconds=9.0 - number), image=weighed(on_disk=117_000_000 + 500_000 * number)
    )
    for number in reversed(range(4))
]


def shown(builds: list[Build], *, terminal: bool, environment: dict[str, str] | None = None) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(
        file=file,
        width=120,
        force_terminal=terminal,
        no_color=True,
        _environ=environment or {"TERM": "xterm"},
    )
    show(console, builds, [judged(NOW)])
    file.seek(0)
    return file.read()


def test_builds_and_verdicts_are_listed() -> None:
    text = shown(BUILDS, terminal=False)

    assert text.index("118.5 MB") < text.index("117.0 MB")
    assert "39.0 MB" in text
    assert "1 of 2" in text
    assert "012345678 main" in text
    assert "ready in 1.0 s" in text


def test_trends_are_plotted_where_there_is_a_terminal() -> None:
    assert "(MB on disk)" in shown(BUILDS, terminal=True)
    assert "(build seconds)" in shown(BUILDS, terminal=True)
    assert "> (builds)" in shown(BUILDS, terminal=True)


def test_nothing_is_plotted_into_a_file_or_a_dumb_terminal() -> None:
    assert "(MB on disk)" not in shown(BUILDS, terminal=False)
    assert "(MB on disk)" not in shown(BUILDS, terminal=True, environment={"TERM": "dumb"})


def test_without_a_build_it_says_so() -> None:
    file = io.StringIO()

    show(Console(file=file, width=120), [], [])

    assert file.getvalue().endswith("nothing of this target yet; start with `drydock build`\n")


def test_a_failed_build_stands_there_with_its_reason_and_in_no_trend() -> None:
    failed = Build(NOW + 600, BUILDS[0].origin, "", 3.0, fault="no space is left")

    text = shown([failed, *BUILDS], terminal=False)

    assert "failed: no space is left" in text
    assert "failed" not in shown(BUILDS, terminal=False)
    assert trends([failed, *BUILDS]) == trends(BUILDS)


def test_one_build_makes_no_line() -> None:
    assert trends(BUILDS[:1]) == {}
    assert "(MB on disk)" not in shown(BUILDS[:1], terminal=True)


def test_trends_go_from_the_oldest_to_the_newest_and_leave_out_what_was_not_weighed() -> None:
    found = trends([*BUILDS, build(NOW - 60, seconds=20.0)])

    assert found == {
        "MB on disk": [117.0, 117.5, 118.0, 118.5],
        "build seconds": [20.0, 9.0, 8.0, 7.0, 6.0],
    }


def test_a_line_rises_with_its_values() -> None:
    rows = [row.split(" | ") for row in plot("MB", [1.0, 2.0, 3.0], width=30).splitlines() if "." in row]

    rows = [row for row in rows if len(row) == 2]  # the uppermost has an axis but no dots
    begins = [len(dots) - len(dots.lstrip("\u2800")) for _, dots in rows if dots.strip("\u2800 ")]
    labels = [float(label) for label, _ in rows]
    assert begins == sorted(begins, reverse=True)
    assert begins[-1] == 0
    assert labels == sorted(labels, reverse=True)
    assert labels[0] > 2.5


def test_values_that_never_change_can_be_plotted() -> None:
    assert plot("MB", [117.0, 117.0], width=30)
    assert plot("seconds", [0.0, 0.0], width=30)


def test_json_holds_bytes_and_seconds() -> None:
    found = as_json("shop", BUILDS, [judged(NOW)])

    assert found["builds"][0] == {
        "at": NOW + 180,
        "target": "production",
        "branch": "main",
        "revision": "0123456789abcdef",
        "dirty": False,
        "image_id": "sha256:one",
        "seconds": 6.0,
        "fault": None,
        "steps": 2,
        "steps_cached": 1,
        "on_disk": 118_500_000,
        "on_wire": 39_500_000,
    }
    assert found["verdicts"][0]["gate"] == "smoke"
    assert found["verdicts"][0]["outcome"] == "passed"
