from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drydock.build import kept
from drydock.build.events import Step, remarks
from drydock.build.plan import Options
from tests.conftest import MakeProject

pytestmark = pytest.mark.usefixtures("own_state")


def told(given: bytes, *said: str, cached: bool = False) -> tuple[str, ...]:
    """Return what a build says whose one step was cached, or ran and said this."""
    step = Step("sha256:a", "[dependencies 4/4] RUN uv sync", cached, remarks=list(said))
    step.completed = datetime.now(UTC)
    kept.repeat([step], given)
    return remarks([step])


def test_a_cached_step_says_what_it_said_when_it_ran() -> None:
    assert told(b"one", cached=True) == ()
    said = told(b"one", "poetry.lock contradicts a package in it", "a library is missing")

    assert told(b"one", cached=True) == said != ()
    assert told(b"another lock", cached=True) == ()


def test_a_step_that_runs_again_without_a_remark_takes_it_back() -> None:
    told(b"one", "a library is missing")
    told(b"one")

    assert told(b"one", cached=True) == ()


def test_remarks_belong_to_the_base_and_the_locks(make_project: MakeProject) -> None:
    project = make_project({"poetry.lock": "one"})
    before = kept.inputs(project, Options(base="python:3.13"))

    assert kept.inputs(project, Options(base="python:3.14")) != before
    (project.root / "poetry.lock").write_text("two")
    assert kept.inputs(project, Options(base="python:3.13")) != before
