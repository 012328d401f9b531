"""Records of a build and a gate, as a user sees them later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A separate history with one build of the image and one verdict on it."""
    folder = tmp_path_factory.mktemp("state")
    invoke(folder, "build")
    invoke(folder, "gate", "size_budget", "--target", "production")
    return folder


def invoke(state: Path, *args: str) -> Any:
    """Run a task with that history and return its JSON."""
    command = [sys.executable, "-m", "drydock.cli", *args, "--json"]
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    done = subprocess.run(command, cwd=ROOT, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def test_the_history_holds_every_build_with_its_sizes_and_every_verdict(state: Path) -> None:
    found = invoke(state, "history")

    builds = found["builds"]
    assert {build["target"] for build in builds} == {"production"}
    assert builds[-1]["on_disk"] > 50_000_000
    assert builds[-1]["on_wire"] < builds[-1]["on_disk"]
    assert builds[-1]["steps"] > 5
    assert [(one["gate"], one["outcome"]) for one in found["verdicts"]] == [("size_budget", "passed")]


def test_the_report_of_the_real_image_is_one_file_below_a_megabyte(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"

    found = invoke(state, "report", "--output", str(path))

    page = path.read_text(encoding="utf-8")
    assert found == {"path": str(path), "bytes": path.stat().st_size}
    assert found["bytes"] < 1_000_000
    assert "pkg:pypi/fastapi@" in page
    assert "pkg:deb/debian/libc6@" in page
    cells = 'size_budget</th><td role="cell">production</td><td role="cell"><span class="mark good">passed'
    assert cells in page
