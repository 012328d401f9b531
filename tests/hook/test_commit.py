from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from drydock.hook.commit import checkout, contents, digest


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


def test_the_commit_is_a_commit_to_git_as_well_and_nothing_is_left(repository: Path) -> None:
    (repository / "file").write_text("not committed")

    with checkout(repository, "HEAD") as folder:
        assert git(folder, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
        assert git(folder, "status", "--porcelain") == ""

    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_the_pushed_commit_is_judged_and_not_the_newest(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "second")

    with checkout(repository, first) as folder:
        assert (folder / "file").read_text() == "first"


def test_contents_are_those_of_the_commit(repository: Path) -> None:
    before = contents(repository, "HEAD")
    (repository / "file").write_text("not committed")

    assert contents(repository, "HEAD") == before
    assert list(before) == ["file"]

    commit(repository, "second")
    assert contents(repository, "HEAD") != before


FILES = {"app/main.py": "100644 blob 1", "app/deep/er.py": "100644 blob 2", "README.md": "100644 blob 3"}


def test_digest_follows_what_the_patterns_select() -> None:
    before = digest(FILES, ["app/*"])

    assert digest(FILES | {"README.md": "100644 blob 4"}, ["app/*"]) == before
    assert digest(FILES | {"app/deep/er.py": "100644 blob 4"}, ["app/*"]) != before
    assert digest(FILES | {"app/new.py": "100644 blob 1"}, ["app/*"]) != before
    assert digest({path: text for path, text in FILES.items() if path != "app/main.py"}, ["app/*"]) != before


def test_digest_notices_a_mode() -> None:
    assert digest(FILES | {"app/main.py": "100755 blob 1"}, ["app/*"]) != digest(FILES, ["app/*"])


def test_digest_is_another_for_another_target() -> None:
    assert digest(FILES, ["app/*"], "slim") != digest(FILES, ["app/*"], "production")


def test_digest_of_nothing_is_empty() -> None:
    assert digest(FILES, ["deploy/*"]) == ""
