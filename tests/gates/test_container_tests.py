from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from drydock.engine.runtime import Run
from drydock.gates import container_tests
from drydock.gates.container_tests import PARALLEL, decide
from drydock.verdict import Outcome
from tests.conftest import ROOT, MakeProject

FAILING = """\
=================================== FAILURES ===================================
=========================== short test summary info ============================
FAILED tests/test_tasks.py::test_title_may_have_200_characters - assert 422 == 201
FAILED tests/test_tasks.py::test_other - assert 0
========================= 2 failed, 80 passed in 4.20s =========================
"""


def test_passing_tests_pass_with_their_number() -> None:
    verdict = decide("production", 0, "===== 82 passed in 4.20s =====\n", 5.0)

    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "82 passed in the production image"


def test_the_first_failing_test_is_named() -> None:
    verdict = decide("production", 1, FAILING, 5.0)

    assert verdict.outcome is Outcome.FAILED
    assert verdict.summary.endswith("tests/test_tasks.py::test_title_may_have_200_characters and 1 more")


def test_colours_do_not_hide_a_failure() -> None:
    coloured = FAILING.replace("FAILED", "\x1b[31mFAILED\x1b[0m")

    assert decide("slim", 1, coloured, 5.0).outcome is Outcome.FAILED


def test_no_test_at_all_is_no_pass() -> None:
    assert decide("slim", 5, "no tests ran in 0.01s", 0.1).outcome is Outcome.COULD_NOT_CHECK
    assert decide("slim", 0, "", 0.1).outcome is Outcome.COULD_NOT_CHECK


def test_a_run_that_broke_down_is_no_pass() -> None:
    verdict = decide("slim", 4, "ImportError: no module named todo_api", 0.1)

    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert "ImportError" in verdict.evidence


def asked(
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    *,
    xdist: bool = True,
    arguments: tuple[str, ...] = (),
) -> Sequence[str]:
    """Return the arguments that pytest gets in the container."""
    runs: list[Run] = []

    @contextmanager
    def started(_engine: object, run: Run) -> Iterator[Any]:
        runs.append(run)
        ended = {"logs": lambda **_: [b"=== 2 passed in 0.10s ===\n"], "wait": lambda: {"StatusCode": 0}}
        yield SimpleNamespace(container=SimpleNamespace(**ended))

    monkeypatch.setattr(container_tests, "started", started)
    monkeypatch.setattr(container_tests, "has_file", lambda *_: xdist)
    subject: Any = SimpleNamespace(
        project=make_project(files),
        engine=None,
        tests="sha256:1",
        target="production",
        arguments=arguments,
        show=lambda _: None,
    )
    assert container_tests.judge(subject).outcome is Outcome.PASSED
    return runs[0].command


def test_tests_run_in_several_processes_where_the_image_has_xdist(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = ("-k", "title")

    assert asked(make_project, monkeypatch, {}, arguments=only) == (*PARALLEL, *only)
    assert asked(make_project, monkeypatch, {}, xdist=False, arguments=only) == only


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-ra -n0"\n'},
        {"pyproject.toml": '[tool.pytest]\naddopts = ["-n", "4"]\n'},
        {"pytest.ini": "[pytest]\naddopts = --numprocesses=2\n"},
        {"setup.cfg": "[tool:pytest]\naddopts = -p no:xdist\n"},
    ],
)
def test_a_project_that_says_how_keeps_its_way(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    assert asked(make_project, monkeypatch, files) == ()


def test_the_application_here_leaves_the_way_to_the_gate() -> None:
    assert not container_tests.says_how(ROOT / "backend")
