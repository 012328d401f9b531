"""Ratios, goals and recovery, computed from benchmarks' measurements."""

from __future__ import annotations

import argparse
import json

import pytest

from benchmarks.figures import Figure, Goal, show
from tests.support.faults import Answer, Outcome, Spell

OPTIONS = argparse.Namespace(json=False, check=True)


def figure(production: float, baseline: float, goal: Goal | None = None) -> Figure:
    return Figure("ready", "s", {"production": production, "baseline": baseline}, goal)


@pytest.mark.parametrize(
    ("goal", "production", "met"),
    [
        (Goal(0.6), 0.6, True),
        (Goal(0.6), 0.61, False),
        (Goal(1.0, least=True), 1.0, True),
        (Goal(1.0, least=True), 0.99, False),
        (None, 9.0, None),
    ],
)
def test_goal_judges_the_ratio_to_the_baseline(
    goal: Goal | None, production: float, met: bool | None
) -> None:
    assert figure(production * 5, 5, goal).met is met


def test_production_can_be_compared_with_another_contender(capsys: pytest.CaptureFixture[str]) -> None:
    compared = Figure("ready", "s", {"production": 3, "other": 4}, Goal(0.7), against="other")

    assert (compared.ratio, compared.met) == (0.75, False)
    show("start", [compared], argparse.Namespace(json=False, check=False))
    assert "0.75" in capsys.readouterr().out


def test_goal_without_a_baseline_judges_the_number_itself() -> None:
    assert Figure("lost", "", {"production": 0}, Goal(0)).met
    assert Figure("lost", "", {"production": 1}, Goal(0)).met is False


def test_missed_goal_ends_with_1_only_when_it_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    missed = [figure(9, 1, Goal(1))]
    assert show("start", missed, OPTIONS) == 1
    assert show("start", missed, argparse.Namespace(json=False, check=False)) == 0
    assert show("start", [figure(1, 9, Goal(1))], OPTIONS) == 0
    assert "missed" in capsys.readouterr().out


def test_json_holds_values_ratio_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    show("start", [figure(1, 2, Goal(0.6))], argparse.Namespace(json=True, check=False))
    document = json.loads(capsys.readouterr().out)
    assert document["benchmark"] == "start"
    assert document["figures"][0] == {
        "name": "ready",
        "unit": "s",
        "values": {"production": 1, "baseline": 2},
        "ratio": 0.5,
        "goal": "≤ 0.6",
        "met": True,
    }


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        ([Answer(0, 9, 10, False), Answer(0, 10, 11, True), Answer(0, 12, 12.5, False)], 2.5),
        ([Answer(0, 9, 10.5, True), Answer(0, 10, 11, True)], 0.5),
        ([Answer(0, 8, 9, False), Answer(0, 10, 10.5, True), Answer(0, 20, 20.5, False)], 0.5),
        ([Answer(0, 9, 19, False), Answer(0, 10, 11, True)], 9.0),
        ([Answer(0, 10, 10.5, False)], float("inf")),
    ],
    ids=["last failure", "no failure", "other spells", "sent in the outage", "never again"],
)
def test_recovery_ends_with_the_first_success_and_the_last_failure(
    answers: list[Answer], seconds: float
) -> None:
    outcome = Outcome(answers=answers, spells={"crash": Spell(10.0, 20.0)})
    assert outcome.recovery("crash") == seconds


def test_a_service_that_did_not_recover_for_every_client_is_infinitely_late() -> None:
    outcome = Outcome(answers=[Answer(0, 10, 11, True)], spells={"crash": Spell(10.0, float("inf"))})
    assert outcome.recovery("crash") == float("inf")
