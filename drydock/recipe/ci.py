"""Write a CI job that builds an image, judges it, and publishes it on a tag; and the pre-push entry."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import drydock
from drydock.project import git, table

GITHUB = ".github/workflows/drydock.yml"
HOOK = ".pre-commit-config.yaml"
GITLAB = (".gitlab-ci.yml", ".gitlab/drydock.yml")


def github(root: Path) -> dict[str, str]:
    """Return GitHub's workflow, by its path relative to the project."""
    return _job(root, "github.yml", GITHUB)


def gitlab(root: Path) -> dict[str, str]:
    """Return GitLab's job, by its path relative to the project; an existing pipeline includes it."""
    own, included = GITLAB
    there = git.top(root) / own
    theirs = there.is_file() and "drydock:" not in there.read_text(encoding="utf-8", errors="replace")
    return _job(root, "gitlab.yml", included if theirs else own)


def hook(root: Path) -> dict[str, str]:
    """Return pre-commit's configuration with the pre-push entry, by its path relative to the project."""
    return _job(root, "pre-commit.yml", HOOK)


def _job(root: Path, template: str, place: str) -> dict[str, str]:
    top = git.top(root)
    folder = os.path.relpath(root.resolve(), top.resolve())
    branch = str(table(root).get("main-branch", "main"))
    text = files("drydock.recipe").joinpath("services", template).read_text(encoding="utf-8")
    for name, value in (("VERSION", drydock.version()), ("BRANCH", branch), ("FOLDER", folder)):
        text = text.replace(f"@{name}@", value)
    return {os.path.relpath(top / place, root): text}
