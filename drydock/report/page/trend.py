"""Lay out the page's line charts: positions are percentages, so that text keeps its size at every width."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Fewer steps leave a reader without a scale, more crowd a chart of 15 rem.
_MOST_STEPS = 5


@dataclass(frozen=True)
class Values:
    """One line of a chart."""

    name: str
    hue: str  # the line's class in style.css
    values: Sequence[float | None]  # one for each build; None where it is not known
    budget: float | None = None


@dataclass(frozen=True)
class Line:
    name: str
    hue: str
    points: tuple[tuple[float, float], ...]  # percent from the left and from the top
    budget: float | None  # percent from the top; None for no budget


@dataclass(frozen=True)
class Chart:
    ticks: tuple[tuple[float, str], ...]  # percent from the top, and the label
    lines: tuple[Line, ...]
    zones: tuple[tuple[float, float], ...]  # each build's part of the width: its left edge and its width


def chart(count: int, series: Iterable[Values]) -> Chart:
    """Lay out lines over `count` builds, on a scale from zero to above the largest value and budget."""
    series = tuple(series)
    largest = max((value for one in series for value in (*one.values, one.budget) if value), default=1.0)
    step = _step(largest)
    steps = math.ceil(largest / step)

    def down(value: float) -> float:
        return round(100 - 100 * value / (step * steps), 2)

    def across(build: int) -> float:
        return round(100 * build / (count - 1), 2) if count > 1 else 50.0

    middles = [(across(build - 1) + across(build)) / 2 for build in range(1, count)]
    edges = [0.0, *middles, 100.0]
    return Chart(
        tuple((down(step * number), f"{step * number:g}") for number in range(steps + 1)),
        tuple(
            Line(
                one.name,
                one.hue,
                tuple((across(at), down(value)) for at, value in enumerate(one.values) if value is not None),
                None if one.budget is None else down(one.budget),
            )
            for one in series
        ),
        tuple((left, round(right - left, 2)) for left, right in itertools.pairwise(edges)),
    )


def _step(largest: float) -> float:
    """Return 1, 2 or 5 times a power of ten: the least that needs few enough steps."""
    power = 10.0 ** math.floor(math.log10(largest / _MOST_STEPS))
    return next(step * power for step in (1, 2, 5, 10) if largest <= _MOST_STEPS * step * power)
