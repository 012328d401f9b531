from __future__ import annotations

import pytest

from drydock.report.page.trend import Values, chart


def test_the_scale_starts_at_zero_and_holds_the_largest_value_and_the_budget() -> None:
    shown = chart(2, [Values("on disk", "first", [114.3, 149.0], budget=150.0)])

    assert shown.ticks == ((100, "0"), (66.67, "50"), (33.33, "100"), (0, "150"))
    (line,) = shown.lines
    assert line.budget == 0
    assert line.points == ((0, 23.8), (100, 0.67))


@pytest.mark.parametrize(
    ("largest", "labels"),
    [
        (0.07, ["0", "0.02", "0.04", "0.06", "0.08"]),
        (5.0, ["0", "1", "2", "3", "4", "5"]),
        (9.0, ["0", "2", "4", "6", "8", "10"]),
        (1_234.0, ["0", "500", "1000", "1500"]),
        (123_456.0, ["0", "50000", "100000", "150000"]),
    ],
)
def test_the_steps_of_a_scale_are_round_and_few(largest: float, labels: list[str]) -> None:
    assert [label for _, label in chart(1, [Values("build time", "third", [largest])]).ticks] == labels


def test_a_build_that_was_not_weighed_leaves_its_point_out() -> None:
    (line,) = chart(3, [Values("on disk", "first", [1.0, None, 2.0])]).lines

    assert line.points == ((0, 50), (100, 0))


def test_the_only_build_has_its_point_in_the_middle() -> None:
    shown = chart(1, [Values("build time", "third", [2.0])])

    assert shown.lines[0].points == ((50, 0),)
    assert shown.zones == ((0, 100),)


def test_every_build_has_its_part_of_the_width() -> None:
    assert chart(3, [Values("build time", "third", [1.0, 1.0, 1.0])]).zones == ((0, 25), (25, 50), (75, 25))


@pytest.mark.parametrize("values", [[0.0, 0.0], [None, None]])
def test_a_chart_without_a_size_above_zero_has_a_scale(values: list[float | None]) -> None:
    assert chart(2, [Values("on disk", "first", values)]).ticks[-1] == (0, "1")
