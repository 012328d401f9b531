"""The gate against a real build that differs every time."""

from __future__ import annotations

import pytest

from drydock.engine import Engine
from drydock.gates import reproducible
from drydock.gates.subject import Subject
from drydock.verdict import Outcome
from drydock.workspace import Workspace
from tests.conftest import MakeProject

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
