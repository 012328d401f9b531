"""Check out a commit into a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import command, temporary


@contextmanager
def checkout(root: Path, commit: str) -> Iterator[Path]:
    """Yield a folder with exactly a commit's files: the working tree itself if it is equal."""
    head = command.run(["git", "rev-parse", "HEAD"], cwd=root).stdout.strip()
    wanted = command.run(["git", "rev-parse", f"{commit}^{{commit}}"], cwd=root).stdout.strip()
    dirty = command.run(["git", "status", "--porcelain"], cwd=root).stdout.strip()
    if wanted == head and not dirty:
        yield root
        return
    # Of this repository: tests and labels find the commit and its remote there too.
    git = ["git", "-c", "core.hooksPath=/dev/null", "worktree"]
    with temporary.folder("commit") as parent:
        folder = parent / "tree"
        command.run([*git, "add", "--quiet", "--detach", str(folder), wanted], cwd=root)
        try:
            yield folder
        finally:
            command.run([*git, "remove", "--force", str(folder)], cwd=root)
