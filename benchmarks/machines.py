"""Machines to build on: an engine with an empty store beside this machine's, and a user without records."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import BenchmarkFailed, seconds_of
from drydock import base, command, interrupts, temporary
from drydock.engine import Engine, connect
from drydock.progress import Say
from drydock.project import Project
from tests.support.clone import ROOT
from tests.support.second_engine import beside


@dataclass(frozen=True)
class Machine:
    """An engine, and the folders of a user who builds there."""

    engine: Engine
    home: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that direct commands to the engine and to the user's folders."""
        folders = {name: str(self.home / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME")}
        return {**self.engine.environment, **folders}

    def build(self, project: Path, code: Path = ROOT) -> float:
        """Return the seconds of `drydock build`, the whole process.

        Args:
            code: A checkout of drydock.
        """
        args = [sys.executable, "-m", "drydock.cli", "build", "--quiet", "--project", str(project)]
        return seconds_of(args, code, self.environment)


def add_place(made: argparse.ArgumentParser) -> None:
    """Add the option for `folder`."""
    made.add_argument(
        "--place", type=Path, help="folder for the engines' data (default: the temporary folder)"
    )


@contextmanager
def folder(place: Path | None, say: Say) -> Iterator[Path]:
    """Make a folder for machines, and remove it at the end, also after Ctrl-C, SIGTERM and SIGHUP."""
    interrupts.heed()
    with temporary.folder("benchmark", place) as made:
        try:
            yield made
        finally:
            say(f"removing {made}")


@contextmanager
def started(place: Path, project: Project, say: Say) -> Iterator[Machine]:
    """Start an engine with nothing but the project's base image, and stop it at the end.

    Args:
        place: A folder that does not exist; its owner removes it.
    """
    dockerd = shutil.which("dockerd")
    if dockerd is None or os.geteuid() != 0:
        needs = "an engine of the benchmark's own needs root and a dockerd on PATH"
        raise BenchmarkFailed(f"{needs}; install Docker's engine, and run this as root")
    place.mkdir()
    say(f"starting an engine in {place}")
    with beside(place, Path(dockerd), {}) as engine:
        image = base.resolve(connect(), project, say=say).reference
        command.run(["sh", "-c", f'docker save "$1" | docker --host "{engine.host}" load', "sh", image])
        yield Machine(engine, place / "home")
