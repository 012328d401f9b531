"""Results as tables on a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from drydock.doctor.finding import Finding, Severity
from drydock.folding import folded
from drydock.verdict import Outcome, Verdict

MARKS = {
    Outcome.PASSED: "[green]passed[/green]",
    Outcome.FAILED: "[red]failed[/red]",
    Outcome.COULD_NOT_CHECK: "[magenta]could not check[/magenta]",
}


# Wide enough for any row, for measuring tables.
LONGEST = 10_000
# On a narrower terminal, a table that does not fit is printed row by row: folded cells are hard to read.
UNFOLDED = 80
# The word says everything; the colour only repeats it. Yellow and cyan cannot be read on white in 16 colours.
SEVERITIES = {
    Severity.OK: ("ok", "green"),
    Severity.UNKNOWN: ("not seen", "dim"),
    Severity.WARNING: ("warning", "magenta"),
    Severity.FAILURE: ("failure", "bold red"),
}
ADVICE = "         → "


def key_values(console: Console, rows: Mapping[str, str | Text]) -> None:
    """Print two columns without a frame; a value's words stay whole, so that they can be copied."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        if isinstance(value, str):
            value = folded(value, console.file, width + 2)
        console.print(Text.assemble((f"{name:<{width}}", "dim"), "  ", value), soft_wrap=True)


def table(
    console: Console, titles: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()
) -> None:
    """Print rows under titles; on a narrow terminal, each row as several lines."""
    made, rows = Table(box=box.SIMPLE_HEAD, pad_edge=False), list(rows)
    for index, title in enumerate(titles):
        made.add_column(title, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    wanted = console.measure(made, options=console.options.update(max_width=LONGEST)).maximum
    if console.width < UNFOLDED and wanted > console.width:
        for row in rows:
            _stacked(console, titles, row)
    else:
        console.print(made)


def _stacked(console: Console, titles: Sequence[str], row: Sequence[str]) -> None:
    """Print a row's first cell, and below it the others, each beside its title."""
    console.print(Text.from_markup(row[0], style="bold"))
    width = max(len(title) for title in titles[1:])
    for title, cell in zip(titles[1:], row[1:], strict=True):
        if cell:
            console.print(Padding(Text.from_markup(f"{title:<{width}}  {cell}"), (0, 0, 0, 2)))


def finding(console: Console, found: Finding) -> None:
    word, style = SEVERITIES[found.severity]
    head, name = f"{word:<8} ", f"{found.name:<16} "
    fact = folded(found.fact, console.file, len(head + name))
    console.print(Text.assemble((head, style), (name, "bold"), fact), soft_wrap=True)
    if found.advice:
        advice = folded(found.advice, console.file, len(ADVICE))
        console.print(Text(f"{ADVICE}{advice}"), soft_wrap=True)


def verdict(console: Console, judged: Verdict, *, receipt: bool = False) -> None:
    """Print one line for a gate, then its details unless it passed."""
    took = "receipt" if receipt else f"{judged.seconds:.1f} s"
    summary = escape(judged.summary)
    console.print(f"{MARKS[judged.outcome]}  [bold]{judged.gate}[/bold]  {summary}  [dim]{took}[/dim]")
    for detail in () if judged.passed else judged.details:
        console.print(f"  {detail}", markup=False)


def verdicts(console: Console, rows: Sequence[tuple[Verdict, str, bool]]) -> None:
    """Print several gates' verdicts: the evidence of failures, then one table."""
    for judged, _, _ in rows:
        if judged.evidence and not judged.passed:
            console.print(judged.evidence, markup=False)
    cells = []
    for one, target, known in rows:
        took = "receipt" if known else f"{one.seconds:.1f}"
        cells.append((one.gate, target, MARKS[one.outcome], took, escape(one.summary)))
    table(console, ("gate", "target", "verdict", "seconds", ""), cells, right=(3,))


def builds(console: Console, judged: Verdict) -> None:
    rows = [
        (row["build"], f"{row['seconds']:.1f}", f"{row['ratio']:.2f}", f"{row['cached']} of {row['steps']}")
        for row in judged.measurements.get("builds", [])
    ]
    table(console, ("build", "seconds", "of cold", "steps cached"), rows, right=(1, 2))
