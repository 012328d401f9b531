from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drydock.project.errors import RepositoryNotTrusted
from drydock.project.git import Checkout, public_url, read

COMMITTED = 1_700_000_000


def git(folder: Path, *args: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    environment = {
        "GIT_AUTHOR_DATE": f"{COMMITTED} +0000",
        "GIT_COMMITTER_DATE": f"{COMMITTED} +0000",
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "HOME": str(folder),
    }
    command = ["git", *identity, *args]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit and a remote, and a project in one of its folders."""
    root = tmp_path / "repository"
    (root / "shop").mkdir(parents=True)
    (root / "shop/app.py").write_text("app = 1\n")
    (root / "other.txt").write_text("another project\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "remote", "add", "origin", "git@github.com:acme/shop.git")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=Begin")
    return root


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    revision = git(repository, "rev-parse", "HEAD")

    assert read(repository) == Checkout(revision, False, COMMITTED, "https://github.com/acme/shop", "main")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user_is_not_read_as_none(repository: Path) -> None:
    for path in (repository, repository / ".git"):
        os.chown(path, 65534, 65534)

    with pytest.raises(RepositoryNotTrusted) as caught:
        read(repository / "shop")

    assert str(caught.value) == (
        f"error: git does not trust {repository}, which belongs to another user; allow it with "
        f"`git config --global --add safe.directory {repository}`"
    )


def test_a_changed_file_makes_a_tree_dirty(repository: Path) -> None:
    (repository / "shop/app.py").write_text("app = 2\n")

    assert read(repository).dirty


def test_a_staged_change_makes_a_tree_dirty(repository: Path) -> None:
    (repository / "shop/app.py").write_text("app = 2\n")
    git(repository, "add", ".")

    assert read(repository).dirty


def test_a_file_unknown_to_git_makes_a_tree_dirty(repository: Path) -> None:
    (repository / "shop/new.py").write_text("")

    assert read(repository).dirty


def test_an_ignored_file_leaves_a_tree_clean(repository: Path) -> None:
    (repository / ".git/info/exclude").write_text("*.log\n")
    (repository / "shop/run.log").write_text("")

    assert not read(repository).dirty


def test_drydocks_own_notes_leave_a_tree_clean(repository: Path) -> None:
    (repository / "shop/.drydock").mkdir()
    (repository / "shop/.drydock/notes").write_text("")

    assert not read(repository / "shop").dirty


def test_another_project_of_the_repository_leaves_this_one_clean(repository: Path) -> None:
    (repository / "other.txt").write_text("changed\n")

    assert not read(repository / "shop").dirty
    assert read(repository).dirty


def test_the_remote_is_the_one_that_the_branch_follows(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "https://user:secret@git.example.org/acme/shop.git")
    git(repository, "config", "branch.main.remote", "upstream")

    assert read(repository).url == "https://git.example.org/acme/shop"


def test_a_detached_head_is_read(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")

    assert read(repository).url == "https://github.com/acme/shop"


def test_a_repository_without_a_commit_has_no_revision(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "app.py").write_text("")

    assert read(tmp_path) == Checkout(dirty=True, branch="main")


def test_a_commit_that_is_checked_out_by_its_id_is_on_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")

    assert read(repository).branch == ""


def test_a_folder_outside_of_git_gives_an_empty_source(tmp_path: Path) -> None:
    assert read(tmp_path) == Checkout()


def test_a_machine_without_git_gives_an_empty_source(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert read(repository) == Checkout()


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("github.com:acme/shop", "https://github.com/acme/shop"),
        ("ssh://git@git.example.org:2222/acme/shop.git", "https://git.example.org/acme/shop"),
        ("https://token@github.com/acme/shop.git/", "https://github.com/acme/shop"),
        ("https://user:pass@git.example.org:8443/shop", "https://git.example.org:8443/shop"),
        ("http://github.com/acme/shop", "https://github.com/acme/shop"),
        ("http://git.example.org:3000/shop.git", "http://git.example.org:3000/shop"),
        ("git://git.example.org/shop.git", "https://git.example.org/shop"),
        ("/srv/git/shop.git", ""),
        ("../shop.git", ""),
        ("file:///srv/git/shop.git", ""),
        ("C:/git/shop", ""),
        ("", ""),
    ],
)
def test_a_remote_is_shown_as_others_can_open_it(remote: str, url: str) -> None:
    assert public_url(remote) == url
