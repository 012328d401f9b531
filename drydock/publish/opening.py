"""Open a workspace that labels its images, and records its builds and sizes."""

from __future__ import annotations

from drydock.engine import Engine
from drydock.progress import Say, silent
from drydock.project import Project
from drydock.publish.builds import Keeper
from drydock.publish.labels import labels_for
from drydock.recorder import Recorder
from drydock.workspace import Progress, Workspace


def open_workspace(
    engine: Engine,
    project: Project,
    say: Say = silent,
    progress: Progress | None = None,
    channel: str = "dev",
) -> Workspace:
    """Return a workspace for images that may be published."""
    listeners = (Recorder(say), Keeper())
    return Workspace(engine, project, say, progress or Progress(), channel, labels_for, listeners)
