from __future__ import annotations

from pathlib import Path

import pytest

from drydock.project.git import worktree
from tests.support.repository import begin, commit, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = begin(tmp_path / "repository")
    commit(root, "first")
    return root


def test_a_clean_tree_is_judged_in_place(repository: Path) -> None:
    with worktree(repository, "HEAD") as folder:
        assert folder == repository


def test_uncommitted_changes_are_not_judged(repository: Path) -> None:
    (repository / "file").write_text("not committed")

    with worktree(repository, "HEAD") as folder:
        assert (folder / "file").read_text() == "first"

    assert not folder.exists()
    assert (repository / "file").read_text() == "not committed"


def test_the_commit_is_a_commit_to_git_as_well_and_nothing_is_left(repository: Path) -> None:
    (repository / "file").write_text("not committed")

    with worktree(repository, "HEAD") as folder:
        assert git(folder, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
        assert git(folder, "status", "--porcelain") == ""

    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_the_pushed_commit_is_judged_and_not_the_newest(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "second")

    with worktree(repository, first) as folder:
        assert (folder / "file").read_text() == "first"
