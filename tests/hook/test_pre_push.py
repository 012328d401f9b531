from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clone import Clone

# Its good commit runs all gates of the hook, with unit tests, as the session container_tests does.
pytestmark = [pytest.mark.live, pytest.mark.acceptance]

FAILING = "def test_the_answer_is_right() -> None:\n    assert 6 * 9 == 42\n"
ANSWER = "backend/tests/test_answer.py"
HOOK = "python -m drydock.cli.hook"
PASSING = "def test_the_answer_is_right() -> None:\n    assert 6 * 7 == 42\n"


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone with a single test, written by the calling test."""
    made = Clone(tmp_path)
    for test in (made.root / "backend/tests").glob("test_*.py"):
        test.unlink()
    # The other gates would take minutes.
    settings = made.root / ".pre-commit-config.yaml"
    settings.write_text(settings.read_text().replace(HOOK, f"{HOOK} container_tests size_budget"))
    return made


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("own_state")
def test_the_hook_refuses_a_broken_test_and_lets_a_good_commit_pass_once_tested(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.commit("break a test", {ANSWER: FAILING})

    refused = clone.push()

    assert refused.returncode != 0
    assert clone.pushed() == ""
    ours = [line for line in refused.stdout.splitlines() if line.strip() and "failed to push" not in line]
    assert "tests/test_answer.py::test_the_answer_is_right" in ours[-1], refused.stdout

    mended = clone.commit("fix it", {ANSWER: PASSING})
    passed = clone.push()

    assert passed.returncode == 0, passed.stdout
    assert clone.pushed() == mended
    # Each test's functions are known, for the order of the next run.
    assert list((tmp_path / "state/drydock/touched").iterdir())

    # An uncommitted change is not judged, and an earlier verdict needs no engine.
    (clone.root / ANSWER).write_text(FAILING)
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

    unchecked = clone.commit("break it again", {ANSWER: FAILING})
    assert clone.push("--no-verify").returncode == 0
    assert clone.pushed() == unchecked
