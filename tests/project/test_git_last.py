"""The branch's state that an image is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.project.git import Checkout, last, place
from tests.support.repository import begin, commit, git

PATHS = ("app", "Dockerfile", ":(exclude)app/tests", ":(exclude)*.md")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two changes of code, then one of its documents and tests."""
    root = begin(tmp_path / "repository")
    commit(root, "one", "app/main.py")
    commit(root, "two", "app/main.py")
    commit(root, "tested", "app/tests/test_main.py")
    commit(root, "described", "app/README.md")
    return root


def revision(root: Path, name: str) -> str:
    return git(root, "rev-parse", name)


def test_the_main_branch_is_compared_with_the_state_before_its_code_changed_last(repository: Path) -> None:
    assert last(repository, "main", PATHS).revision == revision(repository, "HEAD~3")


def test_another_branch_is_compared_with_where_the_main_branch_ends(repository: Path) -> None:
    git(repository, "switch", "--quiet", "--create", "feature")
    commit(repository, "three", "app/main.py")

    assert last(repository, "main", PATHS).revision == revision(repository, "main")


def test_what_is_not_committed_is_compared_with_the_commit(repository: Path) -> None:
    (repository / "app/main.py").write_text("three")

    assert last(repository, "main", PATHS).revision == revision(repository, "HEAD")


def test_what_the_remote_does_not_have_yet_is_compared_with_what_it_has(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "clone", "--quiet", str(repository), str(tmp_path / "clone"))
    clone = tmp_path / "clone"
    commit(clone, "three", "app/main.py")

    assert last(clone, "main", PATHS).revision == revision(repository, "HEAD")


def test_a_pushed_commit_that_is_checked_out_without_a_branch_is_compared_with_its_past(
    repository: Path,
) -> None:
    git(repository, "checkout", "--quiet", "--detach", "main")

    assert last(repository, "main", PATHS).revision == revision(repository, "HEAD~3")


def test_it_has_the_commits_own_time(repository: Path) -> None:
    assert last(repository, "main", PATHS).committed == int(
        git(repository, "log", "-1", "--format=%ct", "HEAD~3")
    )


def test_a_branch_whose_code_never_changed_has_no_earlier_state(tmp_path: Path) -> None:
    root = begin(tmp_path / "repository")
    commit(root, "one", "app/main.py")

    assert last(root, "main", PATHS) == Checkout()


def test_a_clone_that_ends_here_has_no_earlier_state(tmp_path: Path) -> None:
    root = begin(tmp_path / "repository")
    commit(root, "one", "app/main.py")
    commit(root, "two", "app/main.py")
    git(root, "clone", "--quiet", "--depth=1", f"file://{root}", str(tmp_path / "clone"))

    assert last(tmp_path / "clone", "main", PATHS) == Checkout()


def test_without_that_branch_there_is_no_earlier_state(repository: Path) -> None:
    assert last(repository, "trunk", PATHS) == Checkout()


def test_outside_of_version_control_there_is_no_earlier_state(tmp_path: Path) -> None:
    assert last(tmp_path, "main", PATHS) == Checkout()


def test_a_project_may_be_a_part_of_a_repository(repository: Path) -> None:
    assert place(repository / "app") == (repository, "app/")
    assert last(repository / "app", "main", ("main.py",)).revision == revision(repository, "HEAD~3")
