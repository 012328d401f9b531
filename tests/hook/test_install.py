"""The pre-push hook in other projects' repositories: git runs it with a Python that only records."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drydock.errors import BadCommandLine, BadConfiguration
from drydock.hook import install as installing
from drydock.hook.install import MARK, install, script
from drydock.project.errors import RepositoryNotTrusted
from tests.support.repository import begin, commit


def git(folder: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *identity, *args], cwd=folder, check=check, capture_output=True, text=True)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python that records the pushed commit, GIT_DIR, its input and arguments; return the record."""
    written = tmp_path / "notes"
    python = tmp_path / "a python"
    python.write_text(
        "#!/bin/sh\n"
        f'echo "$PRE_COMMIT_TO_REF ${{GIT_DIR:-none}} $(cat) $*" >> {written}\n'
        f"[ ! -e {tmp_path}/refuse ]\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(installing.sys, "executable", str(python))
    return written


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = begin(tmp_path / "repository")
    commit(root, "first")
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    git(root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    return root


def test_each_pushed_commit_is_judged_by_the_projects_own_gates(repository: Path, notes: Path) -> None:
    install(repository)
    first = git(repository, "rev-parse", "HEAD").stdout.strip()
    commit(repository, "second")
    second = git(repository, "rev-parse", "HEAD").stdout.strip()

    git(repository, "push", "--quiet", "origin", f"{first}:refs/heads/old", "HEAD:refs/heads/new")

    judged = "none  -P -m drydock.cli.hook --project ."
    assert sorted(notes.read_text().splitlines()) == sorted(f"{one} {judged}" for one in (first, second))

    notes.unlink()
    git(repository, "push", "--quiet", "origin", "--delete", "old")
    assert not notes.exists()


def test_projects_below_the_top_are_each_judged(repository: Path, notes: Path) -> None:
    for name in ("services/a shop", "services/bank", "services/gone"):
        (repository / name).mkdir(parents=True)
        install(repository / name)
    (repository / "services/gone").rmdir()
    install(repository / "services/bank")

    git(repository, "push", "--quiet", "origin", "HEAD:refs/heads/main")

    judged = [line.split("--project ")[1] for line in notes.read_text().splitlines()]
    assert judged == ["services/a shop", "services/bank"]


def test_a_refusal_stops_the_push(repository: Path, notes: Path, tmp_path: Path) -> None:
    install(repository)
    (tmp_path / "refuse").touch()

    assert git(repository, "push", "origin", "HEAD:refs/heads/main", check=False).returncode != 0
    assert git(repository, "push", "--no-verify", "origin", "HEAD:refs/heads/main").returncode == 0


def test_a_hook_whose_drydock_is_gone_says_how_to_get_it_again(repository: Path, notes: Path) -> None:
    install(repository)
    Path(installing.sys.executable).unlink()

    refused = git(repository, "push", "origin", "HEAD:refs/heads/main", check=False)

    assert refused.returncode != 0
    assert "a python; install the hook again with `drydock hooks`" in refused.stderr
    assert not notes.exists()


def test_a_linked_worktree_has_the_hook_of_its_repository(
    repository: Path, notes: Path, tmp_path: Path
) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))

    said = install(tmp_path / "linked")

    assert said == f"installed {repository.resolve()}/.git/hooks/pre-push"
    git(tmp_path / "linked", "push", "--quiet", "origin", "topic")
    assert len(notes.read_text().splitlines()) == 1


@pytest.mark.parametrize("where", ["hooks of ours", "/absolute"])
def test_a_hooks_path_of_the_users_own_is_respected(
    repository: Path, notes: Path, tmp_path: Path, where: str
) -> None:
    hooks = tmp_path / "absolute" if where.startswith("/") else repository / where
    git(repository, "config", "core.hooksPath", str(hooks) if where.startswith("/") else where)

    said = install(repository)

    assert said.endswith("to other repositories too") == where.startswith("/")
    assert MARK in (hooks / "pre-push").read_text()
    git(repository, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    assert len(notes.read_text().splitlines()) == 1


def test_a_hooks_path_without_hooks_is_said(repository: Path) -> None:
    git(repository, "config", "core.hooksPath", "/dev/null")

    with pytest.raises(BadConfiguration, match=r"core.hooksPath: /dev/null is not a folder; name one with"):
        install(repository)


def test_a_repository_without_a_commit_gets_the_hook_and_its_first_push_has_nothing_to_judge(
    tmp_path: Path,
) -> None:
    root = tmp_path / "new"
    for folder, *options in ((root,), (tmp_path / "remote.git", "--bare")):
        git(tmp_path, "init", "--quiet", *options, str(folder))
    git(root, "remote", "add", "origin", str(tmp_path / "remote.git"))

    install(root)
    git(root, "commit", "--quiet", "--allow-empty", "--message", "begin")
    pushed = git(root, "push", "origin", "HEAD:refs/heads/main")

    assert "nothing to judge: . of this commit holds no application" in pushed.stderr


def test_a_second_installation_changes_nothing_and_another_hook_is_left_alone(repository: Path) -> None:
    install(repository)
    hook = repository / ".git/hooks/pre-push"
    first = hook.read_text()
    install(repository)
    assert hook.read_text() == first == script(["."])

    hook.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(BadCommandLine, match="is a hook of another program"):
        install(repository)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_without_a_repository_there_is_no_hook(tmp_path: Path) -> None:
    with pytest.raises(BadCommandLine, match="is not in a git repository"):
        install(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user_is_not_called_missing(repository: Path) -> None:
    os.chown(repository, 65534, 65534)
    os.chown(repository / ".git", 65534, 65534)

    with pytest.raises(
        RepositoryNotTrusted, match=r"git does not trust .*; allow it with `git config --global"
    ):
        install(repository)


def test_the_task_takes_a_project(repository: Path) -> None:
    command = [sys.executable, "-m", "drydock.cli", "hooks", "--project", str(repository)]
    done = subprocess.run(command, cwd="/", check=True, capture_output=True, text=True, env={**os.environ})

    assert done.stdout == f"installed {repository.resolve()}/.git/hooks/pre-push\n"
