"""Documents that are generated from the image say what the image says."""

from __future__ import annotations

from drydock import environment
from drydock.engine import Engine
from drydock.gates.kubernetes import EXPECTATIONS, application
from drydock.gates.kubernetes.finding import read
from drydock.project import Project


def test_docs_environment_is_what_the_image_reads(engine: Engine, project: Project, image: str) -> None:
    listed = application.settings(engine, image, read(project.root / EXPECTATIONS).settings)
    start = environment.start_script((project.root / "image" / "start.py").read_text())
    assert (project.root / "docs" / "environment.md").read_text() == environment.page(listed, start)
