"""Gates' subjects for existing images."""

from __future__ import annotations

from drydock.engine import Engine
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.workspace import Workspace


def subject(engine: Engine, project: Project, image: str, target: str = "production") -> Subject:
    """Return an image as a gate receives it, without a build."""
    workspace = Workspace(engine, project)
    workspace.adopt(target, image)
    return Subject(workspace, target)
