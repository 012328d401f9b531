"""The gate against a real build that is never the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from drydock.build import Options, Update
from drydock.engine import Engine
from drydock.gates import reproducible
from drydock.progress import silent
from drydock.verdict import Outcome
from tests.conftest import MakeProject

pytestmark = pytest.mark.live


@contextmanager
def unseen(_name: str) -> Iterator[Callable[[Update], None]]:
    yield lambda _: None


def test_what_differs_is_shown_as_diffoscope_sees_it(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    code = "import uuid; open('/made.txt', 'w').write(f'one\\n{uuid.uuid4()}\\n')"
    make = f'RUN ["python3", "-c", "{code}"]'.replace("\\n", "\\\\n")
    project = make_project({"Dockerfile": f"FROM {python_image} AS production\n{make}\n"})

    verdict = reproducible.run(engine, project, Options(), unseen, silent)

    assert verdict.outcome is Outcome.FAILED
    assert "/made.txt" in verdict.details[0]
    removed, added = (
        [line for line in verdict.evidence.splitlines() if line.startswith(sign) and line[1:2] != sign]
        for sign in "-+"
    )
    assert " one" in verdict.evidence.splitlines()
    assert len(removed) == len(added) == 1
