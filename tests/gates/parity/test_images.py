"""Parity on real images: one like slim, and one with parts removed."""

from __future__ import annotations

import functools
import io
import uuid
from collections.abc import Callable, Iterator

import pytest

from drydock.engine import Engine
from drydock.gates import parity
from drydock.gates.parity.snippets import SNIPPETS
from drydock.gates.subject import Subject
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Workspace
from tests.conftest import MakeProject
from tests.support.images import remove_repository

SLIM = """\
FROM {base}
RUN mkdir /srv/pages
WORKDIR /srv/pages
USER 10001
ENTRYPOINT ["python3", "-m", "http.server", "8000"]
"""
# A time zone, a module and its source, and a library opened by name.
BROKEN = """\
FROM {base}
USER 0
RUN rm -f /usr/share/zoneinfo/Europe/Berlin && python3 -c "import colorsys, os; os.remove(colorsys.__file__)"
USER 10001
"""
Judge = Callable[[str], Verdict]
# Every snippet starts an interpreter; on a busy machine all of them take minutes.
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def judge(engine: Engine, python_image: str, make_project: MakeProject) -> Iterator[Judge]:
    """Judge an image built from slim with additional lines of a Dockerfile."""
    repository = f"drydock-parity-{uuid.uuid4().hex[:12]}"
    workspace = Workspace(engine, make_project({}))

    def build(target: str, text: str) -> str:
        reference = f"{repository}:{target}"
        made, _ = engine.sdk.images.build(fileobj=io.BytesIO(text.encode()), tag=reference, rm=True)
        workspace.adopt(target, str(made.id))
        return reference

    def judged(changes: str) -> Verdict:
        slim = build("slim", SLIM.format(base=python_image))
        build("production", changes.format(base=slim))
        return parity.judge(Subject(workspace, "production"))

    yield judged
    remove_repository(engine, repository)


@pytest.mark.acceptance
def test_images_that_behave_alike_pass_and_answer_every_question(judge: Judge) -> None:
    verdict = judge("FROM {base}\nLABEL other=1\n")

    assert verdict.outcome is Outcome.PASSED, verdict.summary
    assert verdict.measurements["checks"]["both images"] > len(SNIPPETS)
    assert [line for line in verdict.details if line.startswith("both fail alike")] == []


def test_a_zone_and_a_module_that_production_lacks_are_refused(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {name: SNIPPETS[name] for name in ("zones", "modules of the standard library", "version")}
    ask = functools.partial(parity.answers_to_snippets, snippets=asked)
    monkeypatch.setattr(parity, "answers_to_snippets", ask)
    verdict = judge(BROKEN)

    assert verdict.outcome is Outcome.FAILED
    for check, subject in (("zones", "Europe/Berlin"), ("modules of the standard library", "colorsys")):
        assert any(line.startswith(check) and subject in line for line in verdict.details), verdict.details
