"""Show an image: layers, packages, the largest files, and the sizes against their budget."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from drydock.errors import BadCommandLine
from drydock.gates.budget import mb
from drydock.image import Anatomy, Difference
from drydock.image.compare import FileChange, PackageChange
from drydock.image.left_out import LeftOut, Omission, folded
from drydock.image.packages import Source
from drydock.report import MB, megabytes
from drydock.report.tables import table
from drydock.verdict import Verdict

UNEXPLAINED = "[red]no reason is known[/red]"
LARGEST_FILES = 20
MOST_PACKAGES = 20
MOST_CHANGES = 30
LAYER = ("diff_id", "name", "instruction", "on_disk", "on_wire")
PACKAGE = ("source", "name", "version", "on_disk")
SOURCES = {
    Source.PYTHON: "Python distributions",
    Source.DEBIAN: "Debian packages",
    Source.FOLDER: "Folders of files in no package",
}


def show(console: Console, anatomy: Anatomy, verdict: Verdict) -> None:
    image = anatomy.image
    layers = [(one.name, megabytes(one.on_disk), megabytes(one.on_wire)) for one in image.layers]
    total = ("all layers", megabytes(image.on_disk), megabytes(image.on_wire))
    console.print(_table("Layers", ("on disk", "on the wire"), layers, total))
    for source, title in SOURCES.items():
        if packages := anatomy.inventory.of(source):
            sizes = [(package.label, package.size) for package in packages]
            console.print(_table(title, ("on disk",), _first(sizes, MOST_PACKAGES, "smaller ones")))
    files = [(file.path, megabytes(file.size)) for file in anatomy.largest(LARGEST_FILES)]
    console.print(_table("Largest files", ("on disk",), files))
    efficiency = anatomy.efficiency
    console.print(f"efficiency {efficiency.ratio:.3f}, {megabytes(efficiency.wasted)} wasted")
    console.print(Text(printable(verdict.summary), style="green" if verdict.passed else "bold red"))


def as_json(anatomy: Anatomy, verdict: Verdict) -> dict[str, Any]:
    image = anatomy.image
    layer = attrgetter(*LAYER)
    package = attrgetter("source.value", "name", "version", "size")
    listed, largest = anatomy.inventory.packages, anatomy.largest(LARGEST_FILES)
    return {
        "reference": image.reference,
        "id": image.id,
        "on_disk": image.on_disk,
        "on_wire": image.on_wire,
        "layers": [dict(zip(LAYER, layer(one), strict=True)) for one in image.layers],
        "distributions": [dict(zip(PACKAGE, package(one), strict=True)) for one in listed],
        "largest_files": [{"path": printable(file.path), "on_disk": file.size} for file in largest],
        "efficiency": round(anatomy.efficiency.ratio, 4),
        "wasted": anatomy.efficiency.wasted,
        "budget": {
            "outcome": verdict.outcome.value,
            "summary": verdict.summary,
            "checks": verdict.measurements.get("checks", []),
        },
    }


def show_reason(console: Console, anatomy: Anatomy, path: str) -> None:
    """Print the origin of a path in an image."""
    reason = anatomy.why(path)
    if reason is None:
        how = "give a path as the image has it, from the root; `drydock size` names the largest files"
        raise BadCommandLine(problem=f"{printable(path)} is not in {anatomy.image.reference}", how=how)
    file = reason.file
    rows = [
        ("path", file.path),
        ("kind", f"{file.kind}{f' to {file.link}' if file.link else ''}"),
        ("size", f"{file.size} bytes"),
        ("owner", f"{file.uid}:{file.gid}, mode {file.mode:04o}"),
        ("layer", f"{anatomy.image.layers.index(reason.layer) + 1}: {reason.layer.name}"),
    ]
    if reason.package:
        rows.append((reason.package.source.value, reason.package.label))
    if file.link and (target := anatomy.why(posixpath.join(posixpath.dirname(file.path), file.link))):
        owner = f", {target.package.source.value} {target.package.label}" if target.package else ""
        rows.append(("leads to", f"{target.file.path}{owner}"))
    rows += [("replaces", f"the copy in {layer.name}") for layer in reason.hidden]
    grid = Table.grid(padding=(0, 2))
    for name, text in rows:
        grid.add_row(name, Text(printable(text), overflow="fold"))
    console.print(grid)


def show_difference(console: Console, difference: Difference) -> None:
    console.print(
        f"{_signed(difference.on_disk)} on disk, {_signed(difference.on_wire)} on the wire, "
        f"{mb(difference.upload)} to send where the first image is"
    )
    layers = [(f"- {one.name}", -one.on_disk) for one in difference.removed]
    layers += [(f"+ {one.name}", one.on_disk) for one in difference.added]
    tables = {
        "Layers": layers,
        "Packages": [(_package(change), change.grown) for change in difference.packages],
        "Files": [(_file(change), change.grown) for change in difference.files],
    }
    for title, rows in tables.items():
        if rows:
            shown = [(name, _signed(size)) for name, size in rows[:MOST_CHANGES]]
            console.print(_table(title, ("on disk",), shown))
        if len(rows) > MOST_CHANGES:
            console.print(f"and {len(rows) - MOST_CHANGES} more")


def difference_as_json(difference: Difference) -> dict[str, Any]:
    """Return a whole difference as JSON values; sizes in bytes."""
    return {
        "on_disk": difference.on_disk,
        "on_wire": difference.on_wire,
        "upload": difference.upload,
        "layers_shared": [layer.diff_id for layer in difference.shared],
        "layers_removed": [layer.diff_id for layer in difference.removed],
        "layers_added": [layer.diff_id for layer in difference.added],
        "packages": [asdict(change) for change in difference.packages],
        "files": [{**asdict(change), "path": printable(change.path)} for change in difference.files],
    }


def show_left_out(console: Console, found: LeftOut, *, every: bool) -> None:
    """Print both kinds of differences, by folder and reason, or by path."""
    for title, omissions in (("left out", found.missing), ("changed", found.changed)):
        if every:
            # A table would take seconds for thousands of rows, and cut paths that a user searches for.
            console.out(f"{title}: bytes less, path, package, reason", *_paths(omissions), sep="\n")
        else:
            table(console, (title, "paths", "bytes less", "reason"), _folders(omissions), right=(1, 2))
    if found.whole:
        console.print(f"{len(found.whole)} files keep their symbols, since they carry data or a signature")
    for path in found.whole if every else ():
        console.print(f"  {printable(path)}", markup=False)
    less = sum(one.size for one in (*found.missing, *found.changed))
    console.print(
        f"{len(found.missing)} paths left out, {len(found.changed)} changed: {megabytes(less)} less than slim"
    )


def left_out_as_json(found: LeftOut) -> Mapping[str, object]:
    """Return every difference as JSON values; sizes in bytes."""

    def paths(omissions: Iterable[Omission]) -> list[dict[str, object]]:
        return [{**asdict(one), "path": printable(one.path)} for one in omissions]

    return {
        "left_out": paths(found.missing),
        "changed": paths(found.changed),
        "not_stripped": [printable(path) for path in found.whole],
        "unexplained": len(found.unexplained),
    }


def _folders(omissions: Iterable[Omission]) -> list[tuple[str, ...]]:
    return [
        (escape(printable(folder)), str(count), f"{size:,}", escape(reason) or UNEXPLAINED)
        for folder, count, size, reason in folded([*omissions])
    ]


def _paths(omissions: Iterable[Omission]) -> Iterator[str]:
    for one in omissions:
        words = (f"{one.size:>11,}", printable(one.path), one.package, one.reason or UNEXPLAINED)
        yield "  ".join(filter(None, words))


def _package(change: PackageChange) -> str:
    versions = " → ".join(version for version in (change.before, change.after) if version)
    return f"{change.change} {change.name} {versions}".strip()


def _file(change: FileChange) -> str:
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    return f"{change.change} {change.path}{fields}"


def _signed(size: int) -> str:
    """Format a difference with its sign; below 0.01 MB in bytes, so that it does not round to 0."""
    return f"{size / MB:+.2f} MB" if abs(size) >= MB / 100 else f"{size:+d} B"


def _first(rows: Sequence[tuple[str, int]], count: int, rest: str) -> Iterable[tuple[str, str]]:
    for name, size in rows[:count]:
        yield name, megabytes(size)
    if others := rows[count:]:
        yield f"{len(others)} {rest}", megabytes(sum(size for _, size in others))


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] = ()
) -> Table:
    """Make a table whose figures never wrap; the first column takes the remaining width."""
    table = Table(box=None, title_justify="left", pad_edge=False, show_footer=bool(total))
    table.add_column(title, footer=total[0] if total else "", overflow="fold")
    for index, name in enumerate(columns, start=1):
        table.add_column(name, footer=total[index] if total else "", justify="right", no_wrap=True)
    for first, *figures in rows:
        # Text, not markup: a path may hold brackets.
        table.add_row(Text(printable(first)), *figures)
    return table


def printable(text: str) -> str:
    """Return text whose control characters and undecodable bytes are escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
