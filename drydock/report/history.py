"""Show the last builds with their trend, and the latest verdict of each gate."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from drydock.report import MB, megabytes
from drydock.report.tables import MARKS, table
from drydock.spelling import spelled
from drydock.state.history import Build, Judged, Origin

PLOT_HEIGHT = 8
WIDEST_PLOT = 100
# Room for plotille's axis on the left and its label on the right.
PLOT_MARGIN = 28


def show(console: Console, builds: Sequence[Build], judged: Sequence[Judged]) -> None:
    """Print the builds and the verdicts as tables; on a terminal, also plot the trends."""
    if not builds:
        nothing = "this machine has built nothing of this target yet; start with `drydock build`"
        console.print(spelled(nothing))
        return
    titles = ["built", "on disk", "on the wire", "seconds", "cached", "commit"]
    rows = [_row(build) for build in builds]
    if any(build.fault for build in builds):
        titles.append("")
        results = (f"[red]failed[/red]: {escape(one.fault)}" if one.fault else "" for one in builds)
        rows = [(*row, result) for row, result in zip(rows, results, strict=True)]
    table(console, titles, rows, right=(1, 2, 3))
    # Braille dots suit no file, no terminal that cannot draw them, and no screen reader.
    if console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf"):
        width = min(WIDEST_PLOT, console.width - PLOT_MARGIN)
        for name, values in trends(builds).items():
            console.print(plot(name, values, width), markup=False, highlight=False)
    if judged:
        table(console, ("gate", "verdict", "seconds", "when", "summary"), map(_verdict, judged), right=(2,))


def as_json(project: str, builds: Sequence[Build], judged: Sequence[Judged]) -> dict[str, Any]:
    """Return builds and verdicts as JSON values; sizes in bytes, times in seconds since 1970."""
    return {
        "project": project,
        "builds": [_build_as_json(build) for build in builds],
        "verdicts": [
            {"at": one.at, **_origin(one.origin), "content": one.content, **one.verdict.as_json()}
            for one in judged
        ],
    }


def trends(builds: Sequence[Build]) -> Mapping[str, list[float]]:
    """Return the figures to plot by name, the oldest first; a single build makes no line."""
    oldest_first = [build for build in reversed(builds) if not build.fault]
    figures = {
        "MB on disk": [build.image.on_disk / MB for build in oldest_first if build.image],
        "build seconds": [build.seconds for build in oldest_first],
    }
    return {name: values for name, values in figures.items() if len(values) > 1}


def plot(name: str, values: Sequence[float], width: int) -> str:
    """Return a line of values, one for each build, as text."""
    import plotille

    # Sizes move by a few per cent: an axis from zero would hide it.
    room = max((max(values) - min(values)) * 0.1, max(values) * 0.01, 0.1)
    figure = plotille.Figure()
    figure.width, figure.height = max(width, 10), PLOT_HEIGHT
    figure.with_colors = figure.origin = False
    figure.set_x_limits(min_=0, max_=len(values) - 1)
    figure.set_y_limits(min_=max(0, min(values) - room), max_=max(values) + room)
    figure.x_label, figure.y_label = "builds", name
    figure.x_ticks_fkt = lambda _low, _high: ""
    figure.y_ticks_fkt = lambda low, _high: f"{low:.1f}"
    figure.plot(range(len(values)), values)
    return str(figure.show())


def moment(seconds: float) -> str:
    """Format a time in this machine's time zone, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _row(build: Build) -> tuple[str, ...]:
    image, origin = build.image, build.origin
    return (
        moment(build.at),
        megabytes(image.on_disk) if image else "",
        megabytes(image.on_wire) if image else "",
        f"{build.seconds:.1f}",
        "" if build.fault else f"{build.cached} of {len(build.steps)}",
        escape(f"{origin.revision[:9]}{'+' if origin.dirty else ''} {origin.branch}".strip()),
    )


def _verdict(one: Judged) -> tuple[str, ...]:
    said = one.verdict
    return said.gate, MARKS[said.outcome], f"{said.seconds:.1f}", moment(one.at), escape(said.summary)


def _origin(origin: Origin) -> dict[str, Any]:
    return {"target": origin.target, "revision": origin.revision, "dirty": origin.dirty}


def _build_as_json(build: Build) -> dict[str, Any]:
    return {
        "at": build.at,
        **_origin(build.origin),
        "branch": build.origin.branch,
        "image_id": build.image_id,
        "seconds": round(build.seconds, 3),
        "fault": build.fault or None,
        "steps": len(build.steps),
        "steps_cached": build.cached,
        "on_disk": build.image.on_disk if build.image else None,
        "on_wire": build.image.on_wire if build.image else None,
    }
