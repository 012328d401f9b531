from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.live

FAILING = "def test_the_answer_is_right() -> None:\n    assert 6 * 9 == 42\n"
HOOK = "python -m drydock.hook"
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
        # The rest of the gates would take minutes.
        settings = self.root / ".pre-commit-config.yaml"
        settings.write_text(settings.read_text().replace(HOOK, f"{HOOK} container_tests size_budget"))

    def commit(self, message: str, **files: str) -> str:
        for name, text in files.items():
            (self.root / "backend/tests" / f"{name}.py").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def push(self, *options: str) -> subprocess.CompletedProcess[str]:
        args = ["git", "push", *options, "here", "HEAD:main"]
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
@pytest.mark.usefixtures("own_state")
def test_the_hook_refuses_a_broken_test_and_lets_a_good_commit_pass_once_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    # What nobody committed is not judged, and what was judged needs no engine.
    (clone.root / "backend/tests/test_answer.py").write_text(FAILING)
    (clone.root / "README.md").write_text("Only words.\n")
    clone.git("add", "README.md")
    clone.git("commit", "--quiet", "--message", "change only words")
    monkeypatch.setenv("DRYDOCK_NO_ENGINE", "1")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine")
    known = clone.push()

    assert known.returncode == 0, known.stdout
    assert clone.pushed() == clone.git("rev-parse", "HEAD").strip()
    lines = [line for line in known.stdout.splitlines() if line.startswith("passed")]
    assert [line.split()[1] for line in lines] == ["container_tests", "size_budget", "size_budget"]
    assert all(line.endswith("unchanged") for line in lines), known.stdout

    unchecked = clone.commit("break it again", test_answer=FAILING)
    assert clone.push("--no-verify").returncode == 0
    assert clone.pushed() == unchecked
