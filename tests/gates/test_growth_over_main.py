"""Growth over the main branch on a machine without main's image, as in CI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.clone import Clone

pytestmark = [pytest.mark.live, pytest.mark.acceptance]


def judged(clone: Clone, state: Path) -> tuple[int, dict[str, Any], str]:
    """Let the size gate judge production; return its exit code, its verdict and its other output."""
    command = [sys.executable, "-m", "drydock.cli", "gate", "size_budget", "--target", "production", "--json"]
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    done = subprocess.run(
        command, cwd=clone.root, check=False, env=environment, capture_output=True, text=True
    )
    return done.returncode, json.loads(done.stdout)["verdicts"][0], done.stderr


def test_a_branch_that_adds_much_is_refused_and_the_main_branch_itself_passes(tmp_path: Path) -> None:
    clone = Clone(tmp_path)

    code, verdict, said = judged(clone, tmp_path / "state")
    assert (code, verdict["outcome"]) == (0, "passed"), said
    # A checked-out tip is compared with the state before the last change of the image, whatever its size.
    assert re.search(r" [\d.]+ M?B on disk (more|less) than main of 20", verdict["summary"])

    (clone.root / "backend/todo_api/static/large.bin").write_bytes(os.urandom(5_000_000))
    clone.git("switch", "--quiet", "--create", "feature")
    clone.commit("Add much")
    code, verdict, said = judged(clone, tmp_path / "another state")
    assert (code, verdict["outcome"]) == (9, "failed"), said
    assert "5.0 MB on disk more than main of 20" in verdict["summary"]
    assert "todo-chatbot-api:mainline" not in said
