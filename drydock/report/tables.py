"""Results as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drydock.doctor.finding import Finding, Severity
from drydock.gates.verdict import Outcome, Verdict

MARKS = {
    Outcome.PASSED: "[green]passed[/green]",
    Outcome.FAILED: "[red]failed[/red]",
    Outcome.COULD_NOT_CHECK: "[yellow]could not check[/yellow]",
}


# The word says it all; the colour only repeats it.
SEVERITIES = {
    Severity.OK: ("ok", "green"),
    Severity.UNKNOWN: ("not seen", "dim"),
    Severity.WARNING: ("warning", "yellow"),
    Severity.FAILURE: ("failure", "bold red"),
}


def key_values(console: Console, rows: Mapping[str, str | Text]) -> None:
    """Print two columns without a frame, each value in one piece, so that it can be copied.

    Args:
        console: Where to.
        rows: Values by name; strings stand for themselves, a Text may be coloured.
    """
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        console.print(Text.assemble((f"{name:<{width}}", "dim"), "  ", value), soft_wrap=True)


def table(
    console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()
) -> None:
    """Print rows under titles.

    Args:
        console: Where to.
        titles: One for each column.
        rows: The cells, as markup.
        right: Columns, from 0, that hold numbers.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(titles):
        made.add_column(title, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    console.print(made)


def finding(console: Console, found: Finding) -> None:
    """Print what `doctor` found about one thing, with what to do."""
    word, style = SEVERITIES[found.severity]
    console.print(
        Text.assemble((f"{word:<8} ", style), (f"{found.name:<16} ", "bold"), found.fact), soft_wrap=True
    )
    if found.advice:
        console.print(Text(f"         → {found.advice}"), soft_wrap=True)


def verdict(console: Console, judged: Verdict, *, receipt: bool = False, details: bool = False) -> None:
    """Print one line for a gate, then its details where it did not pass or where they are wanted."""
    took = "receipt" if receipt else f"{judged.seconds:.1f} s"
    console.print(f"{MARKS[judged.outcome]}  [bold]{judged.gate}[/bold]  {judged.summary}  [dim]{took}[/dim]")
    if judged.passed and not details:
        return
    for detail in judged.details:
        console.print(f"  {detail}", markup=False)


def builds(console: Console, judged: Verdict) -> None:
    """Print the timings of the build_cache gate."""
    rows = [
        (row["build"], f"{row['seconds']:.1f}", f"{row['ratio']:.2f}", f"{row['cached']} of {row['steps']}")
        for row in judged.measurements.get("builds", [])
    ]
    table(console, ("build", "seconds", "of cold", "steps cached"), rows, right=(1, 2))
