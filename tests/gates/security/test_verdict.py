"""From reports to a verdict: findings fail, and checks that did not run never pass."""

from __future__ import annotations

from datetime import date

from drydock.gates.expectations.findings import Finding, Ignore, Report, decide
from drydock.verdict import Outcome

FOUND = Finding("user", "image", "runs as root")


def test_no_finding_passes_with_the_number_of_checks() -> None:
    verdict = decide("security", "production", [Report("files", 8), Report("checkov 3", 28)])
    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "production: 36 checks by 2 sources and no finding"


def test_finding_fails_even_beside_what_could_not_be_checked() -> None:
    verdict = decide(
        "security",
        "production",
        [Report("files", 8, (FOUND,)), Report("checkov", faults=("checkov is gone",))],
    )
    assert verdict.outcome is Outcome.FAILED
    assert verdict.summary == "production: user image: runs as root"
    assert "not checked: checkov is gone" in verdict.details


def test_ignore_counts_for_its_targets_only() -> None:
    ignore = Ignore("user", "accepted", date.max, targets=("slim",))
    for target, outcome in (("production", Outcome.FAILED), ("slim", Outcome.PASSED)):
        assert decide("security", target, [Report("files", 8, (FOUND,))], [ignore]).outcome is outcome


def test_one_missing_tool_is_not_passed() -> None:
    verdict = decide(
        "security", "production", [Report("files", 8), Report("checkov", faults=("checkov is gone",))]
    )
    assert verdict.outcome is Outcome.COULD_NOT_CHECK


def test_nothing_to_check_is_not_passed() -> None:
    assert decide("security", "production", [Report("files", 0)]).outcome is Outcome.COULD_NOT_CHECK
    assert decide("security", "production", []).outcome is Outcome.COULD_NOT_CHECK
