from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.live

FAILING = "def test_the_answer_is_right() -> None:\n    assert 6 * 9 == 42\n"
PASSING = "def test_the_answer_is_right() -> None:\n    assert 6 * 7 == 42\n"


class Clone:
    """A clone of this repository's last commit, with the hook installed and a bare remote to push to."""

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "remote.git"
        self.root = folder / "clone"
        self._run("git", "init", "--quiet", "--bare", str(self.remote), cwd=folder)
        self._run("git", "clone", "--quiet", f"file://{ROOT}", str(self.root), cwd=folder)
        self.git("config", "user.name", "t")
        self.git("config", "user.email", "t@example.org")
        self.git("remote", "add", "here", str(self.remote))
        # The tools are those of this checkout; what is judged is the clone.
        (self.root / ".venv").symlink_to(ROOT / ".venv")
        (self.root / ".git/info/exclude").write_text(".venv\n")
        self._run(sys.executable, "-m", "invoke", "hooks", cwd=self.root)
        for test in (self.root / "backend/tests").glob("test_*.py"):
            test.unlink()

    def commit(self, message: str, **files: str) -> str:
        for name, text in files.items():
            (self.root / "backend/tests" / f"{name}.py").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def push(self) -> subprocess.CompletedProcess[str]:
        args = ["git", "push", "here", "HEAD:main"]
        return subprocess.run(
            args, cwd=self.root, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def pushed(self) -> str:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", "main"],
            cwd=self.remote,
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def git(self, *args: str) -> str:
        return self._run("git", *args, cwd=self.root)

    @staticmethod
    def _run(*args: str, cwd: Path) -> str:
        return subprocess.run(args, cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.mark.timeout(600)
def test_the_hook_refuses_a_broken_test_and_lets_a_good_commit_pass_once_tested(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.commit("break a test", test_answer=FAILING)

    refused = clone.push()

    assert refused.returncode != 0
    assert clone.pushed() == ""
    ours = [line for line in refused.stdout.splitlines() if line.strip() and "failed to push" not in line]
    assert "tests/test_answer.py::test_the_answer_is_right" in ours[-1], refused.stdout

    mended = clone.commit("mend it", test_answer=PASSING)
    passed = clone.push()

    assert passed.returncode == 0, passed.stdout
    assert clone.pushed() == mended

    again = clone.commit("change nothing")
    known = clone.push()

    assert known.returncode == 0, known.stdout
    assert clone.pushed() == again
    lines = [line for line in known.stdout.splitlines() if line.startswith("passed")]
    assert [line.split()[1] for line in lines] == ["container_tests", "size_budget", "size_budget"]
    assert all(line.endswith("receipt") for line in lines), known.stdout
