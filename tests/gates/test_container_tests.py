from __future__ import annotations

from drydock.gates.container_tests import decide
from drydock.verdict import Outcome

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
