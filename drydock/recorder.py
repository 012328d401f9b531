"""Record builds, sizes and verdicts; an unwritable history never makes a step fail."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from drydock.build import BuildResult, Options
from drydock.progress import Say
from drydock.project import Project
from drydock.project.git import Checkout
from drydock.state import history as kept
from drydock.state.history import Build, History, Judged, Origin, Weighed
from drydock.verdict import Verdict
from drydock.workspace import Listener, Workspace

if TYPE_CHECKING:
    from drydock.image import Image


class Recorder(Listener):
    """Adds builds and images to the history; `say` takes a warning if that fails."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def built(self, workspace: Workspace, options: Options, result: BuildResult) -> None:
        build(origin(workspace.project, workspace.source, workspace.named(options.target)), result, self._say)

    def failed(self, workspace: Workspace, options: Options, seconds: float, fault: str) -> None:
        whose = origin(workspace.project, workspace.source, workspace.named(options.target))
        failure(whose, seconds, fault, self._say)

    def measured(self, _workspace: Workspace, image: Image) -> None:
        remember(image, self._say)


def origin(project: Project, checkout: Checkout, target: str) -> Origin:
    return Origin(project.image, target, checkout.branch, checkout.revision, checkout.dirty)


def build(whose: Origin, result: BuildResult, say: Say) -> None:
    times = (kept.StepTime(one.stage, one.instruction, one.seconds, one.cached) for one in result.steps)
    made = Build(time.time(), whose, result.image_id, result.seconds, tuple(times))
    attempt(History(), lambda history: history.add_build(made), say)


def failure(whose: Origin, seconds: float, fault: str, say: Say) -> None:
    ended = Build(time.time(), whose, "", seconds, fault=fault)
    attempt(History(), lambda history: history.add_build(ended), say)


def remember(read: Image, say: Say) -> None:
    """Record an image's sizes, unless they are known."""

    def write(history: History) -> None:
        if not history.knows(read.id, read.on_disk, read.on_wire):
            history.add_image(weigh(read))

    attempt(History(), write, say)


def verdict(whose: Origin, content: str, said: Verdict, say: Say) -> None:
    judged = Judged(time.time(), whose, content, said)
    attempt(History(), lambda history: history.add_verdict(judged), say)


def weigh(read: Image) -> Weighed:
    """Return an image's sizes, by layer and by package."""
    from drydock.image import Anatomy, content_digest  # after a build, which leaves time for it

    layers = (kept.LayerSize(one.diff_id, one.instruction, one.on_disk, one.on_wire) for one in read.layers)
    listed = Anatomy(read).inventory.packages
    packages = (kept.PackageSize(one.source.value, one.name, one.version, one.size) for one in listed)
    sizes = (read.on_disk, read.on_wire)
    return Weighed(read.id, content_digest(read), *sizes, tuple(layers), tuple(packages))


def attempt(history: History, write: Callable[[History], None], say: Say) -> None:
    """Write to a history; a failure is one line of warning."""
    try:
        write(history)
    except (sqlite3.Error, OSError) as error:
        say(f"warning: nothing was added to the history in {history.path}: {error}")
