"""The pages about releases and the hook against the code: every plan, step and gate of the hook is there."""

from __future__ import annotations

import re

from drydock.hook.watched import watched
from drydock.release.plan import PUSH, RELEASE, SIGN
from tests.conftest import ROOT

PAGES = ("docs/background/releasing.md", "docs/how-to/check-every-push.md")
DOCUMENT = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)


def rows(title: str) -> list[list[str]]:
    """Return the names in the first cell of each row of the table below a title."""
    table = DOCUMENT.split(f"| {title} |", 1)[1].split("\n\n", 1)[0]
    return [re.findall(r"`(\w+)`", line.split(" | ")[0]) for line in table.splitlines()[2:]]


def test_the_steps_of_a_release_stand_there_in_their_order() -> None:
    assert [name for names in rows("step") for name in names] == list(RELEASE)


def test_the_steps_of_each_plan_stand_there() -> None:
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| `invoke")]
    steps = [tuple(re.findall(r"`(\w+)`", line.split(" | ")[1])) for line in lines]

    assert steps == [PUSH, SIGN, RELEASE]


def test_every_gate_of_the_hook_stands_there_with_those_that_judge_the_same() -> None:
    listed = rows("gate")

    assert [name for names in listed for name in names] == [one.name for one in watched()]
    inputs = {one.name: one.inputs for one in watched()}
    assert [{inputs[name] for name in names} for names in listed if len({inputs[n] for n in names}) > 1] == []
