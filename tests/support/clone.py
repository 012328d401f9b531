"""Clones of this repository: a plain one, and one with the hook installed and a bare remote to push to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def checkout(folder: Path, revision: str = "HEAD") -> Path:
    """Clone this repository into a folder that does not exist, and put its branch on a revision."""
    commit = _run("git", "rev-parse", "--verify", f"{revision}^{{commit}}", cwd=ROOT).strip()
    _run("git", "clone", "--quiet", str(ROOT), str(folder), cwd=ROOT)
    _run("git", "reset", "--quiet", "--hard", commit, cwd=folder)
    return folder


class Clone:
    """A developer's clone.

    Args:
        folder: An empty folder for the clone and the remote.
    """

    def __init__(self, folder: Path, revision: str = "HEAD") -> None:
        self.remote = folder / "remote.git"
        _run("git", "init", "--quiet", "--bare", str(self.remote), cwd=folder)
        self.root = checkout(folder / "clone", revision)
        self.git("config", "user.name", "t")
        self.git("config", "user.email", "t@example.org")
        self.git("remote", "add", "here", str(self.remote))
        # The clone is judged with this checkout's tools.
        (self.root / ".venv").symlink_to(sys.prefix)
        (self.root / ".git/info/exclude").write_text(".venv\n.drydock\n")
        _run(sys.executable, "-m", "invoke", "hooks", cwd=self.root)

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Write files, commit everything, and return the commit."""
        for name, text in (files or {}).items():
            (self.root / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def push(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Push the current branch and return git's output."""
        args = ["git", "push", *options, "here", "HEAD:main"]
        return subprocess.run(
            args, cwd=self.root, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def pushed(self) -> str:
        """Return the remote's commit, or an empty text."""
        args = ["git", "rev-parse", "--verify", "--quiet", "main"]
        return subprocess.run(
            args, cwd=self.remote, check=False, capture_output=True, text=True
        ).stdout.strip()

    def git(self, *args: str) -> str:
        return _run("git", *args, cwd=self.root)


def _run(*args: str, cwd: Path) -> str:
    return subprocess.run(args, cwd=cwd, check=True, capture_output=True, text=True).stdout
