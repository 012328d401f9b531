"""`drydock receipts`: one CI job's receipts count in the next, each with its own state folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drydock.errors import BadCommandLine
from drydock.gates import proof
from drydock.state import exchange
from drydock.state.errors import ExchangeKeyMissing
from tests.support.ship import PASSED, Ship, pass_gates

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("own_state")]


def drydock(ship: Ship, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drydock.cli", "receipts", *args]
    return subprocess.run(command, cwd=ship.root, check=False, capture_output=True, text=True)


def test_receipts_of_one_job_count_in_the_next(
    ship: Ship, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(exchange.KEY, "k" * exchange.SHORTEST_KEY)
    workspace = ship.workspace()
    pass_gates(workspace, *PASSED)
    file = str(tmp_path / "receipts.json")

    first = drydock(ship, "export", file)

    assert first.returncode == 0, first.stderr
    assert first.stdout == f"exported {', '.join(sorted(PASSED))}\n"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "second job"))
    image = workspace.measured("production")
    assert len(proof.missing(workspace.project, image, "production")) == len(PASSED)

    second = drydock(ship, "import", file, "--json")

    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["receipts"] == sorted(PASSED)
    assert proof.missing(workspace.project, image, "production") == []


def test_what_is_missing_is_one_line_with_its_exit_code(ship: Ship, tmp_path: Path) -> None:
    keyless = drydock(ship, "import", str(tmp_path / "receipts.json"))
    assert keyless.returncode == ExchangeKeyMissing.exit_code
    assert keyless.stderr.splitlines()[-1].startswith("error: DRYDOCK_RECEIPTS_KEY does not contain a key")

    wrong = drydock(ship, "exprot", str(tmp_path / "receipts.json"))
    assert wrong.returncode == BadCommandLine.exit_code
