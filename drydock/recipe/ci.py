"""Write a CI job that builds an image, judges it, and publishes it on a tag; and the pre-push entry."""

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import drydock
from drydock.project import git, table


@dataclass(frozen=True)
class Job:
    """A file at the top of the repository."""

    template: str
    path: str
    beside: str = ""  # its path where the project has such a file of its own, which then includes it

    def place(self, root: Path) -> str:
        """Return its path relative to the project."""
        top = git.top(root)
        there = top / self.path
        theirs = self.beside and there.is_file() and "drydock:" not in there.read_text("utf-8", "replace")
        return os.path.relpath(top / (self.beside if theirs else self.path), root)

    def render(self, root: Path) -> dict[str, str]:
        """Return its text by its path relative to the project."""
        folder = os.path.relpath(root.resolve(), git.top(root).resolve())
        branch = str(table(root).get("main-branch", "main"))
        text = files("drydock.recipe").joinpath("services", self.template).read_text(encoding="utf-8")
        for name, value in (("VERSION", drydock.version()), ("BRANCH", branch), ("FOLDER", folder)):
            text = text.replace(f"@{name}@", value)
        return {self.place(root): text}


GITHUB = Job("github.yml", ".github/workflows/drydock.yml")
GITLAB = Job("gitlab.yml", ".gitlab-ci.yml", ".gitlab/drydock.yml")
HOOK = Job("pre-commit.yml", ".pre-commit-config.yaml")
