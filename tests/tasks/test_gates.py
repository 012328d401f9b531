"""`drydock gate`: one gate, several, or all that a push requires."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from drydock.gates.errors import CouldNotCheck, GateFailed, UnknownGate
from tests.support.ship import PASSED, Ship, pass_gates

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("own_state")]


def gate(ship: Ship, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drydock.cli", "gate", *args]
    return subprocess.run(command, cwd=ship.root, check=False, capture_output=True, text=True)


def rows(table: str) -> list[list[str]]:
    """Return the first words of a table's lines that name a gate."""
    return [line.split()[:4] for line in table.splitlines() if line.split()[:1] and line.split()[0] in PASSED]


def test_without_a_name_all_that_a_push_demands_runs_and_one_table_shows_it(ship: Ship) -> None:
    pass_gates(ship.workspace(), *(name for name in PASSED if name != "size_budget"))

    done = gate(ship)

    assert done.returncode == 0, done.stderr
    found = rows(done.stdout)
    assert sorted(row[0] for row in found) == sorted(PASSED)
    assert {tuple(row[1:3]) for row in found} == {("production", "passed")}
    assert {row[0] for row in found if row[3] != "receipt"} == {"size_budget"}

    # The passed gate left a receipt.
    again = json.loads(gate(ship, "--json").stdout)
    assert {one["outcome"] for one in again["verdicts"]} == {"passed"}
    assert {row[3] for row in rows(gate(ship).stdout)} == {"receipt"}


def test_several_are_named_at_once_and_one_that_refuses_counts_before_one_that_could_not_check(
    ship: Ship,
) -> None:
    """The image contains no distribution with a readable licence, but more than ten bytes."""
    checked = gate(ship, "size_budget,licences", "--target", "production")

    assert checked.returncode == CouldNotCheck.exit_code, checked.stderr
    assert [row[0] for row in rows(checked.stdout)] == ["size_budget", "licences"]
    assert "see it again with `drydock gate licences`" in checked.stderr

    with (ship.root / "pyproject.toml").open("a") as manifest:
        manifest.write("[tool.drydock.budgets.production]\non-disk-mb = 0.00001\n")
    refused = gate(ship, "licences,size_budget", "--target", "production")

    assert refused.returncode == GateFailed.exit_code, refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("error: size_budget: ")


def test_an_unknown_gate_among_several_is_named(ship: Ship) -> None:
    done = gate(ship, "size_budget,smok")

    assert done.returncode == UnknownGate.exit_code
    assert "there is no gate 'smok'" in done.stderr
    assert "did you mean `smoke`?" in done.stderr
