"""Small git repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(root: Path, *args: str) -> str:
    """Run git without this machine's user settings, and return its output."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *identity, *args], cwd=root, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def begin(root: Path) -> Path:
    """Create a repository on the branch main, without a commit."""
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    return root


def commit(root: Path, content: str, path: str = "file") -> str:
    """Write a file, commit it, and return the commit."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)
    git(root, "add", path)
    git(root, "commit", "--quiet", "--message", content)
    return git(root, "rev-parse", "HEAD")
