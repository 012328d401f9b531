"""Measure `drydock build` after a change of source on a machine that has built ten thousand times.

Two engines start beside the machine's own, with the same base image, each with a user who has built a small
project once. One has the images and BuildKit's records of thousands of builds, each after a change of some
project's source: hundreds of them of the same project, and hundreds of each other one. Its user has drydock's
records of as many. The source changes, and the whole command runs on each in turn; the result is the median.

Requires root and a dockerd. The engines' data is in `--place`, with 40 kB for each build, and removed at the
end. With `--against REVISION` the command of that revision runs on the filled engine, too.

    ./run python -m benchmarks.store              takes about forty minutes on two cores
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from benchmarks import machines
from benchmarks.contenders import code_of
from benchmarks.figures import (
    EARLIER,
    PRODUCTION,
    Figure,
    Goal,
    in_turn,
    narrator,
    parser,
    show,
)
from benchmarks.machines import Machine
from drydock import base, command
from drydock.detect.project import load
from drydock.engine import find
from drydock.progress import Say
from tests.support.clone import ROOT

IMAGE = "drydock-benchmark-store"
EMPTY = "empty store"
# No slower, as far as two equal engines differ.
SAME = Goal(1.05)
# Files of a build in each folder of records, at most.
FILES = 4
# One call builds so many at a time.
AT_ONCE = 25
SETTINGS = f"""\
[project]
name = "shop"
version = "1"
dependencies = ["fastapi", "uvicorn"]

[tool.drydock]
image = "{IMAGE}"
"""
MAIN = """\
import fastapi

app = fastapi.FastAPI()


@app.get("/health")
def health() -> str:
    return "{}"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with ExitStack() as stack:
        place = stack.enter_context(machines.folder(options.place, say))
        project = _project(place / "project")
        empty, full = (
            stack.enter_context(machines.started(place / name, load(project), say))
            for name in ("empty", "full")
        )
        build = partial(_build_changed, project)
        for machine in (empty, full):
            build(machine)
        _fill(full, project, options, say)
        runs: dict[str, Callable[[], float]] = {
            PRODUCTION: partial(build, full),
            EMPTY: partial(build, empty),
        }
        if options.against:
            runs[EARLIER] = partial(build, full, stack.enter_context(code_of(options.against)))
        values = in_turn(runs, options.rounds, "changed builds", say)
    past = f"{options.builds} other builds and {options.changes} of its own in the store"
    title = f"`drydock build` after a change of source, {past}"
    return show("store", [Figure(title, "s", values, SAME, against=EMPTY)], options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--builds", type=int, default=10_000, metavar="N", help="of other projects (10000)")
    made.add_argument(
        "--changes", type=int, default=300, metavar="N", help="earlier builds of the project (300)"
    )
    made.add_argument("--rounds", type=int, default=15, metavar="N", help="builds of each kind (15)")
    machines.add_place(made)
    made.add_argument("--against", metavar="REVISION", help="run this revision's command, too")
    return made.parse_args(arguments)


def _project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "main.py").write_text(MAIN.format(""))
    return folder


def _build_changed(project: Path, machine: Machine, code: Path = ROOT) -> float:
    """Change the source, and return the seconds of the whole command."""
    (project / "main.py").write_text(MAIN.format(uuid.uuid4().hex))
    return machine.build(project, code)


def _fill(machine: Machine, project: Path, options: argparse.Namespace, say: Say) -> None:
    """Build the project and other images, and give the user drydock's records of as many builds."""
    for number in range(options.changes):
        if number % 50 == 0:
            say(f"{number} of {options.changes} builds of the project")
        _build_changed(project, machine)
    image = base.resolve(machine.engine, load(project), say=say).reference
    # buildx leaves a folder there for each Dockerfile of a bake.
    temporary = {"TMPDIR": str(machine.home)}
    environment = {**machine.environment, **temporary, "OTEL_TRACES_SAMPLER": "always_off"}
    for first in range(0, options.builds, AT_ONCE):
        if first % 500 == 0:
            say(f"{first} of {options.builds} other builds")
        names = [f"build-{number}" for number in range(first, min(first + AT_ONCE, options.builds))]
        # As many of each other project, which all start with the same step.
        begun = f"FROM {image}\nCOPY <<END /project\n{first // max(options.changes, 1)}\nEND\n"
        targets = {name: _target(begun, name, project) for name in names}
        content = json.dumps({"group": {"default": {"targets": names}}, "target": targets})
        args = [*find.buildx(), "bake", "--progress=quiet", "--provenance=false", "--file=-"]
        command.run(args, stdin=content, env=environment)
    _remember(machine.home, options.builds)


def _target(begun: str, name: str, context: Path) -> Mapping[str, object]:
    dockerfile = f"{begun}COPY <<END /build\n{name} {uuid.uuid4().hex}\nEND\n"
    return {"context": str(context), "dockerfile-inline": dockerfile, "tags": [f"shop:{name}"]}


def _remember(home: Path, count: int) -> None:
    """Repeat the records of a user's last build under other names."""
    state, cache = home / "XDG_STATE_HOME/drydock", home / "XDG_CACHE_HOME/drydock"
    with closing(sqlite3.connect(state / "history.sqlite3")) as database, database:
        database.execute("CREATE TEMPORARY TABLE n (i INTEGER)")
        database.executemany("INSERT INTO n VALUES (?)", ((number,) for number in range(1, count + 1)))
        for table, column, value in (
            ("builds", "at", "at - 60 * i"),
            ("images", "image_id", "image_id || i"),
        ):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
            rest = ", ".join(name for name in columns if name != column)
            repeated = f"SELECT {value}, {rest} FROM (SELECT * FROM {table} LIMIT 1), n"  # noqa: S608 - our own words
            database.execute(f"INSERT INTO {table} ({column}, {rest}) {repeated}")
    for folder in (state / "builds", *cache.glob("images-v*")):
        # The newest are those of the code's layer, which each change makes anew.
        files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[-FILES:]
        for number in range(count):
            for path in files:
                shutil.copy(path, folder / f"{path.name[:-8]}{number:08}")


if __name__ == "__main__":
    sys.exit(main())
