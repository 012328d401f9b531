"""The hook in a repository with its project in a subfolder; its only gate here is its own session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drydock.gates.errors import GateFailed
from tests.support.repository import begin, commit, git

NOXFILE = """\
import os
import nox

nox.options.default_venv_backend = "none"

@nox.session
def lint(session):
    index = os.environ.get("GIT_INDEX_FILE", "without an index")
    print("in", os.path.basename(os.getcwd()), index, *session.posargs)
    if "fault" in open("app.py").read():
        session.error("a fault")
"""
APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
    root = begin(tmp_path / "repository")
    commit(root, "[project]\nname = 'shop'\nversion = '1'\n", "services/shop/pyproject.toml")
    commit(root, NOXFILE, "services/shop/noxfile.py")
    commit(root, APP, "services/shop/app.py")
    return root


def judge(
    repository: Path, project: str = "services/shop", to: str = "HEAD"
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drydock.cli.hook", "--project", project, "lint"]
    environment = {**os.environ, "PRE_COMMIT_TO_REF": to, "PYTHONPATH": str(Path.cwd())}
    return subprocess.run(
        command, cwd=repository, env=environment, check=False, capture_output=True, text=True
    )


def test_the_projects_own_session_judges_the_commit_without_gits_variables(repository: Path) -> None:
    good = git(repository, "rev-parse", "HEAD")
    # It is not committed, so it is not judged.
    (repository / "services/shop/app.py").write_text(APP + "# fault\n")

    done = judge(repository)

    assert done.returncode == 0, done.stderr
    assert "passed  lint  in shop without an index" in done.stderr
    bad = commit(repository, APP + "# fault\n", "services/shop/app.py")
    assert judge(repository, to=bad).returncode == GateFailed.exit_code
    assert "unchanged" in judge(repository, to=good).stderr


def test_a_change_elsewhere_in_the_repository_runs_no_gate_again(repository: Path) -> None:
    judge(repository)
    commit(repository, "print('another service')\n", "services/bank/app.py")

    done = judge(repository)

    assert done.returncode == 0, done.stderr
    assert done.stderr.rstrip().endswith("unchanged")


def test_a_commit_from_before_the_project_is_not_judged(repository: Path) -> None:
    done = judge(repository, "services/bank")

    told = "nothing to judge: services/bank of this commit holds no application\n"
    assert (done.returncode, done.stderr) == (0, told)


def test_a_linked_worktree_is_judged_by_its_own_commit(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    commit(tmp_path / "linked", APP + "# fault\n", "services/shop/app.py")

    assert judge(tmp_path / "linked").returncode == GateFailed.exit_code
    assert judge(repository).returncode == 0
