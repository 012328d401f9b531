"""The gate against a real build that differs every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates import reproducible
from drydock.gates.subject import Subject
from drydock.publish.builds import open_workspace
from drydock.verdict import Outcome
from drydock.workspace import Workspace
from tests.conftest import MakeProject, write_files
from tests.detect.support import materialise
from tests.programs.test_tools import make_wheel

APPLICATION = "from fastapi import FastAPI\n\napp = FastAPI()\n"
pytestmark = [pytest.mark.live, pytest.mark.acceptance]


def test_what_differs_is_shown_as_diffoscope_sees_it(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    code = "import uuid; open('/made.txt', 'w').write(f'one\\n{uuid.uuid4()}\\n')"
    make = f'RUN ["python3", "-c", "{code}"]'.replace("\\n", "\\\\n")
    dockerfile = f"# drydock's\nFROM {python_image} AS production\n{make}\n"
    project = make_project({"Dockerfile": dockerfile, "requirements.lock": ""})

    verdict = reproducible.judge(Subject(Workspace(engine, project), "production"))

    assert verdict.outcome is Outcome.FAILED
    assert "/made.txt" in verdict.details[0]
    removed, added = (
        [line for line in verdict.evidence.splitlines() if line.startswith(sign) and line[1:2] != sign]
        for sign in "-+"
    )
    assert " one" in verdict.evidence.splitlines()
    assert len(removed) == len(added) == 1


def with_itself(folder: Path) -> Path:
    """Make a project that is installed into its image."""
    return materialise("layout_src", folder)


def with_a_wheel(folder: Path) -> Path:
    """Make a project with a wheel among its files."""
    (folder / "vendor").mkdir(parents=True)
    wheel = make_wheel(folder / "vendor")
    requirements = f"fastapi\nuvicorn\n./vendor/{wheel.name}\n"
    return write_files(folder, {"main.py": APPLICATION, "requirements.txt": requirements})


@pytest.mark.parametrize("project", [with_itself, with_a_wheel])
def test_what_is_installed_from_the_project_notes_no_time(
    project: Callable[[Path], Path], engine: Engine, tmp_path: Path
) -> None:
    root = project(tmp_path / "shop")

    verdict = reproducible.judge(Subject(open_workspace(engine, load(root)), "production"))

    assert verdict.outcome is Outcome.PASSED, verdict
