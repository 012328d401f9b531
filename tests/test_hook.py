from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from drydock.hook import checkout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet")
    commit(root, "first")
    return root


def git(root: Path, *args: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(
        ["git", *identity, *args], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(root: Path, content: str) -> str:
    (root / "file").write_text(content)
    git(root, "add", "file")
    git(root, "commit", "--quiet", "--message", content)
    return git(root, "rev-parse", "HEAD")


def test_a_clean_tree_is_judged_in_place(repository: Path) -> None:
    with checkout(repository, "HEAD") as folder:
        assert folder == repository


def test_uncommitted_changes_are_not_judged(repository: Path) -> None:
    (repository / "file").write_text("not committed")

    with checkout(repository, "HEAD") as folder:
        assert (folder / "file").read_text() == "first"

    assert not folder.exists()
    assert (repository / "file").read_text() == "not committed"


def test_the_pushed_commit_is_judged_and_not_the_newest(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "second")

    with checkout(repository, first) as folder:
        assert (folder / "file").read_text() == "first"
