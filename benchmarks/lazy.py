"""Compare starts on Python 3.13, on 3.15, and on 3.15 with lazy imports (PEP 810).

The Todo application and two examples of tests/apps are built as production on both Pythons. "lazy" has
PYTHON_LAZY_IMPORTS=all: a module is then executed when one of its names is first used. "mostly" has a filter
that leaves the imports of SQLAlchemy and Alembic as they are, since both need what their modules do. All
start in turn with their embedded database, and each round begins with another one. A ratio is the median of
the rounds' ratios: within a round all run on an equally busy machine.

    ./run python -m benchmarks.lazy               takes about five minutes on two cores
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import CHANNEL, contenders
from benchmarks.figures import PRODUCTION, BenchmarkFailed, Figure, narrator, parser, show
from benchmarks.starts import POLL_SECONDS, READ_PROCESS, WAIT_SECONDS
from drydock import base as bases
from drydock import recipe
from drydock.build import Options
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.engine.errors import ContainerExited, NotReady
from drydock.engine.runtime import Run, Running, started
from drydock.gates import smoke
from drydock.progress import Say
from drydock.project import Project
from drydock.publish.builds import open_workspace
from drydock.report import MB
from drydock.workspace import Workspace
from tests.support.images import remove_repository
from tests.verify.cases import examples

OLD, NEW = "3.13", "3.15"
LAZY, MOSTLY = f"{NEW} lazy", f"{NEW} mostly"
TODO = "todo"
EXAMPLES = ("settings_at_import", "writes_sqlite")
LAZILY = {"PYTHON_LAZY_IMPORTS": "all"}
# A line that Python executes at its start, from a file beside the dependencies.
FILTER = (
    'import sys; sys.set_lazy_imports("all"); '
    'sys.set_lazy_imports_filter(lambda name, *_: name.split(".")[0] not in ("sqlalchemy", "alembic"))\n'
)
FILTER_PLACE = f"/opt/venv/lib/python{NEW}/site-packages/lazy.pth"


@dataclass(frozen=True)
class Start:
    """One start: seconds to ready, processor seconds by then, and resident bytes."""

    ready: float
    processor: float
    memory: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    figures: list[Figure] = []
    with contenders(say) as built, tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as folder:
        filters = Path(folder, "lazy.pth")
        filters.write_text(FILTER, encoding="utf-8")
        known = {TODO: built.ours, **_examples(built.ours.engine, Path(folder), say)}
        for name in options.only or known:
            workspace = known[name]
            with _images(workspace) as ids:
                runs = _runs(workspace.project, ids, str(filters))
                figures += _figures(name, _starts(workspace, runs, options.starts))
    return show("lazy imports", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--starts", type=int, default=10, metavar="N", help="starts of each image (10)")
    made.add_argument(
        "--only", action="append", choices=(TODO, *EXAMPLES), help="one application; repeat it for more"
    )
    return made.parse_args(arguments)


def _examples(engine: Engine, folder: Path, say: Say) -> dict[str, Workspace]:
    found = {}
    for case in examples(EXAMPLES):
        place = case.copy(folder / case.name)
        recipe.init(place, case.options, force=True)
        project = replace(load(place), image=f"benchmark-{case.name}".replace("_", "-"), smoke=case.requests)
        found[case.name] = open_workspace(engine, project, say)
    return found


@contextmanager
def _images(workspace: Workspace) -> Iterator[Mapping[str, str]]:
    """Build production on both Pythons, and remove the images afterwards."""
    project = replace(workspace.project, image=f"{workspace.project.image}-{CHANNEL}")
    try:
        ids = {}
        for python in (OLD, NEW):
            workspace.say(f"building {workspace.project.image} on Python {python}")
            wanted = replace(project, python=python, base=bases.official(python))
            # Given by hand: a recipe names the Python that the project asks for.
            base = bases.resolve(workspace.engine, wanted).reference
            reference = project.reference(PRODUCTION, CHANNEL + python)
            options = Options(PRODUCTION, reference, build_args={"PYTHON_IMAGE": base})
            ids[python] = workspace.of(project, CHANNEL + python).build(options).image_id
        if ids[OLD] == ids[NEW]:
            raise BenchmarkFailed("both images have the same Python")
        yield ids
    finally:
        remove_repository(workspace.engine, project.image)


def _runs(project: Project, ids: Mapping[str, str], filters: str) -> Mapping[str, Run]:
    """Return each contender's container; the file of the filter is mounted."""
    plain = Run("", project.port, environment=project.development.environment, owner="benchmark")
    runs = {name: replace(plain, image=image) for name, image in ids.items()}
    lazily = {**plain.environment, **LAZILY}
    return {
        **runs,
        LAZY: replace(runs[NEW], environment=lazily),
        MOSTLY: replace(runs[NEW], mounts={FILTER_PLACE: filters}),
    }


def _starts(workspace: Workspace, runs: Mapping[str, Run], count: int) -> Mapping[str, Sequence[Start]]:
    """Return each contender's starts; one that fails its requests is reported and left out."""
    found: dict[str, list[Start]] = {}
    for name, run in runs.items():
        try:
            _start(workspace, run, ask=True)
        except (ContainerExited, NotReady, BenchmarkFailed) as error:
            workspace.say(f"{workspace.project.image} does not work on {name}: {error}")
        else:
            found[name] = []
    for number in range(count):
        workspace.say(f"start {number + 1} of {count}")
        first = number % len(found)
        for name in [*list(found)[first:], *list(found)[:first]]:
            found[name].append(_start(workspace, runs[name]))
    return found


def _start(workspace: Workspace, run: Run, *, ask: bool = False) -> Start:
    project = workspace.project
    began = time.monotonic()
    with started(workspace.engine, run) as running:
        _until_ready(running, project.ready_path)
        ready = time.monotonic() - began
        done = running.execute("python3", "-S", "-c", READ_PROCESS)
        if done.code != 0:
            raise BenchmarkFailed(f"memory and processor time cannot be read: {done.last}")
        memory, processor = done.stdout.split()
        if ask and (faults := smoke.round_of_requests(running, project)):
            raise BenchmarkFailed("; ".join(faults))
    return Start(ready, float(processor), int(memory))


def _until_ready(running: Running, path: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if running.get(path) == http.client.OK:
                return
        time.sleep(POLL_SECONDS)
    raise running.exited("before it was ready")


def _figures(name: str, found: Mapping[str, Sequence[Start]]) -> list[Figure]:
    def rows(what: str, unit: str, of: Callable[[Start], float]) -> list[Figure]:
        values = {one: [of(start) for start in starts] for one, starts in found.items()}
        ratios = {
            one: statistics.median(mine / old for mine, old in zip(values[one], values[OLD], strict=True))
            for one in values
        }
        return [
            Figure(f"{name}: {what}, least", unit, {one: min(all_of) for one, all_of in values.items()}),
            Figure(f"{name}: {what}, median", unit, {one: statistics.median(values[one]) for one in values}),
            Figure(f"{name}: {what}, of {OLD}'s", "", ratios),
        ]

    return [
        *rows("ready", "s", lambda one: one.ready),
        *rows("processor time", "s", lambda one: one.processor),
        *rows("memory", "MB", lambda one: one.memory / MB),
    ]


if __name__ == "__main__":
    sys.exit(main())
