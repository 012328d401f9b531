"""Figures of a benchmark: contenders side by side, ratios, goals; as a table or as JSON."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drydock import command
from drydock.progress import Say
from drydock.report import console, print_json
from drydock.report.tables import table

PRODUCTION = "production"
BASELINE = "baseline"
PLAIN = "plain FastAPI"
BY_HAND = "by hand"
EARLIER = "earlier"
EX_GOAL_MISSED = 1


class BenchmarkFailed(Exception):
    """The thing to measure does not work, so there are no figures."""


def seconds_of(args: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Return the seconds of a whole command."""
    began = time.perf_counter()
    done = command.run(args, cwd=folder, env=environment, check=False)
    if done.code != 0:
        raise BenchmarkFailed(f"`{' '.join(args)}` exited with {done.code}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def in_turn(runs: Mapping[str, Callable[[], float]], rounds: int, what: str, say: Say) -> Mapping[str, float]:
    """Run all so many times, one after the other, and return each one's median seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(-1, rounds):  # the first only warms up
        say(f"{what}, round {number + 1} of {rounds}")
        for name, run in runs.items():
            took = run()
            if number >= 0:
                seconds[name].append(took)
    return {name: statistics.median(all_) for name, all_ in seconds.items()}


@dataclass(frozen=True)
class Goal:
    """A bound for a figure.

    Args:
        least: Whether the bound is a minimum; otherwise it is a maximum.
    """

    bound: float
    least: bool = False

    def met(self, value: float) -> bool:
        """Judge a number as printed: to two decimals."""
        value = round(value, 2)
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """One measured quantity.

    Args:
        unit: Such as ``s`` or ``MB``; empty for a count.
        values: By contender.
        goal: For the ratio, or for the number itself without a baseline.
        against: The contender that production's number is divided by.
    """

    name: str
    unit: str
    values: Mapping[str, float]
    goal: Goal | None = None
    against: str = BASELINE

    @property
    def ratio(self) -> float | None:
        """Production's number over the other's; None if one of them was not measured."""
        if PRODUCTION not in self.values or not self.values.get(self.against):
            return None
        return self.values[PRODUCTION] / self.values[self.against]

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None without a goal."""
        if self.goal is None:
            return None
        return self.goal.met(self.values[PRODUCTION] if self.ratio is None else self.ratio)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    made.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    return made


def narrator() -> Say:
    """Return a function that prints progress on standard error, with the seconds since now."""
    began = time.monotonic()
    err = console(stderr=True)
    return lambda line: err.print(f"[dim]{time.monotonic() - began:6.1f} s  {line}[/dim]")


def show(title: str, figures: Sequence[Figure], options: argparse.Namespace) -> int:
    """Print the figures and return the exit code that the options ask for."""
    contenders = list(dict.fromkeys(name for figure in figures for name in figure.values))
    if options.json:
        print_json({"benchmark": title, "figures": [as_json(figure) for figure in figures]})
    else:
        compared = any(figure.against in contenders for figure in figures)
        titles = (title, "", *contenders, *(["ratio"] if compared else []), "goal", "")
        rows = [_row(figure, contenders, compared) for figure in figures]
        table(console(), titles, rows, right=range(2, len(titles) - 1))
    missed = [figure.name for figure in figures if figure.met is False]
    return EX_GOAL_MISSED if options.check and missed else 0


def as_json(figure: Figure) -> Mapping[str, object]:
    """Return a figure for programs, unrounded."""
    return {
        "name": figure.name,
        "unit": figure.unit,
        "values": dict(figure.values),
        "ratio": figure.ratio,
        "goal": str(figure.goal) if figure.goal else None,
        "met": figure.met,
    }


def _row(figure: Figure, contenders: Sequence[str], compared: bool) -> tuple[str, ...]:
    numbers = [_number(figure.values.get(name)) for name in contenders]
    ratio = ["" if figure.ratio is None else f"{figure.ratio:.2f}"] if compared else []
    verdict = {None: "", True: "[green]met[/green]", False: "[red]missed[/red]"}[figure.met]
    return (figure.name, figure.unit, *numbers, *ratio, str(figure.goal or ""), verdict)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value):
        return f"{int(value)}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
