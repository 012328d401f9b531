"""`invoke ask-gordon` with Docker AI in the docker CLI, played by a fake program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.live

DOCKER = """#!/bin/sh
[ "$2" = --help ] && { echo "Usage: docker ai [OPTIONS] [PROMPT]"; exit; }
printf '%s\\n' "$@"
"""


def test_gordon_is_handed_question_sizes_findings_and_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    question = "Why is the image this large?"
    invoke = [sys.executable, "-m", "invoke"]
    subprocess.run([*invoke, "build", "--quiet"], cwd=ROOT, check=True, capture_output=True)

    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    done = subprocess.run(
        [*invoke, "ask-gordon", question],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == ["ai", "-C", str(ROOT)]
    assert question in lines
    assert any(line.startswith("Sizes: on disk ") for line in lines)
    assert "FROM scratch AS production" in lines
