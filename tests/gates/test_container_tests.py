from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drydock.engine.runtime import Run
from drydock.gates import container_tests
from drydock.gates.container_tests import configured, decide, workers
from drydock.gates.subject import Subject
from drydock.verdict import Outcome
from drydock.workspace import Workspace
from tests.conftest import MakeProject

FAILING = """\
=================================== FAILURES ===================================
=========================== short test summary info ============================
FAILED tests/test_tasks.py::test_title_may_have_200_characters - assert 422 == 201
FAILED tests/test_tasks.py::test_other - assert 0
========================= 2 failed, 80 passed in 4.20s =========================
"""


def test_passing_tests_pass_with_their_number() -> None:
    verdict = decide("production", 0, "===== 82 passed in 4.20s =====\n")

    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "82 passed in the production image"


def test_the_first_failing_test_is_named() -> None:
    verdict = decide("production", 1, FAILING)

    assert verdict.outcome is Outcome.FAILED
    assert verdict.summary.endswith("tests/test_tasks.py::test_title_may_have_200_characters and 1 more")


def test_colours_do_not_hide_a_failure() -> None:
    coloured = FAILING.replace("FAILED", "\x1b[31mFAILED\x1b[0m")

    assert decide("slim", 1, coloured).outcome is Outcome.FAILED


def test_no_test_at_all_is_no_pass() -> None:
    assert decide("slim", 5, "no tests ran in 0.01s").outcome is Outcome.COULD_NOT_CHECK
    assert decide("slim", 0, "").outcome is Outcome.COULD_NOT_CHECK


def test_a_project_that_says_it_has_no_tests_passes_and_says_so(make_project: MakeProject) -> None:
    project = make_project({"drydock.toml": 'image = "shop"\ntests = false\n'})
    workspace = Workspace(None, project)  # type: ignore[arg-type]
    verdict = container_tests.judge(Subject(workspace, "production"))

    assert verdict.outcome is Outcome.PASSED
    assert "tests = false" in verdict.summary


def test_names_of_tests_leave_the_images_own_options_of_pytest(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Run] = []

    @contextmanager
    def started(engine: object, run: Run) -> Iterator[Any]:
        runs.append(run)
        container = SimpleNamespace(
            logs=lambda **_: iter([b"=== 2 passed in 0.1s ==="]), wait=lambda: {"StatusCode": 0}
        )
        yield SimpleNamespace(container=container)

    monkeypatch.setattr(container_tests, "started", started)
    subject: Any = SimpleNamespace(
        project=make_project({}),
        arguments=("-k", "title"),
        workspace=SimpleNamespace(
            progress=SimpleNamespace(names_tests=True, output=lambda _: None),
            tests_on=lambda _: SimpleNamespace(image_id="shop:test"),
        ),
        engine=None,
        target="production",
    )

    assert container_tests.judge(subject).outcome is Outcome.PASSED
    assert runs[0].command == ("--verbose", "-k", "title")
    assert "PYTEST_ADDOPTS" not in runs[0].environment


def test_a_run_that_broke_down_is_no_pass() -> None:
    verdict = decide("slim", 4, "ImportError: no module named todo_api")

    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert "ImportError" in verdict.evidence


PARALLEL_FAILING = """\
bringing up nodes...
.[gw0] node down: Not properly terminated
F
replacing crashed worker gw0
=================================== FAILURES ===================================
_____________________________ tests/test_tasks.py ______________________________
[gw0] linux -- Python 3.13.7 /opt/venv/bin/python3
worker 'gw0' crashed while running 'tests/test_tasks.py::test_title'
=========================== short test summary info ============================
FAILED tests/test_tasks.py::test_title
========================= 1 failed, 81 passed in 4.20s =========================
"""


def test_parallel_output_is_read_as_any_other() -> None:
    passed = decide("slim", 0, "2 workers [82 items]\n....\n==== 82 passed, 1 warning in 4.20s ====\n")
    failed = decide("slim", 1, PARALLEL_FAILING)

    assert (passed.outcome, passed.summary) == (Outcome.PASSED, "82 passed, 1 warning in the slim image")
    assert (failed.outcome, failed.measurements["failed"]) == (
        Outcome.FAILED,
        ["tests/test_tasks.py::test_title"],
    )


def test_tests_run_on_every_core_where_xdist_is_locked() -> None:
    assert workers(("-k", "title"), (), True) == ("-n", "auto", "--maxprocesses", "8", "-k", "title")
    assert workers(("-k", "title"), (), False) == ("-k", "title")


@pytest.mark.parametrize("chosen", ["-n 0", "-n4", "--numprocesses=2", "-p no:xdist", "-pno:xdist"])
def test_number_of_processes_that_the_user_chose_stays(chosen: str) -> None:
    given = tuple(chosen.split())

    assert workers(given, (), True) == given
    assert workers(("-x",), given, True) == ("-x",)


@pytest.mark.parametrize(
    "text",
    [
        '[tool.pytest]\naddopts = ["-n", "4"]\n',
        '[tool.pytest.ini_options]\naddopts = "-n 4"\n',
        '[tool.pytest.ini_options]\naddopts = ["-n", "4"]\n',
    ],
)
def test_options_of_the_configuration_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    assert configured(tmp_path) == ("-n", "4")


def test_project_without_configuration_of_pytest_has_no_options(tmp_path: Path) -> None:
    assert configured(tmp_path) == ()
