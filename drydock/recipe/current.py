"""The recipe of a project as its files are now: the one that is written down, else one that is rendered."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from drydock import project as projects
from drydock import recipe, state
from drydock.progress import Patience, Say, silent, unseen
from drydock.project import Project
from drydock.project.model import STATE
from drydock.recipe import (
    dockerfile,
    expectations,
    ignorefile,
    manifests,
    packaged,
    resolution,
    resolve,
    writing,
)
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.recipes import RESOLVED
from drydock.spelling import spelled

# The stage whose place the scripts take, and their folder in that of the recipe.
SCRIPTS = "drydock"
LOCK = ".lock"


@dataclass(frozen=True)
class Recipe:
    """What a build is made of.

    Args:
        project: The project, with the Python versions that everything resolved has wheels for.
        context: The folder that the build sees.
        dockerfile: The Dockerfile; None for the context's own.
        contexts: Folders by the names of the stages whose place they take.
        resolved: Whether drydock chose the versions of the dependencies, since nothing is locked.
    """

    project: Project
    context: Path
    dockerfile: Path | None = None
    contexts: Mapping[str, Path] = field(default_factory=dict)
    resolved: bool = False


def of(project: Project, say: Say = silent, patience: Patience = unseen) -> Recipe:
    """Return the recipe of a project; one that no file of the project holds is rendered outside of it.

    Args:
        project: The project.
        say: Takes one line of progress at a time.
        patience: Gives signs of life while the package index is asked.

    Raises:
        Undecided: Its files contradict themselves, or cannot become an image; carries every reason.
        NotLocked: Nothing is locked, and its dependencies cannot be resolved.
    """
    folder = project.recipe_folder
    if folder == project.root:
        return Recipe(project, project.root)
    if (project.root / "Dockerfile").is_file():
        say("the project's own Dockerfile stays as it is, and tells what the image needs")
    source = project.source.relative_to(project.root).as_posix()
    blueprint = recipe.plan(recipe.decided(project.root, {} if source == "." else {"source": source}))
    locks: Mapping[str, str] = {}
    unlocked = resolve.is_needed(blueprint)
    if unlocked or (blueprint.installed and not blueprint.build_locked):
        fit = "python" not in projects.table(project.root)
        found = resolution.find(blueprint, patience, fit=fit)
        blueprint, locks = resolution.apply(blueprint, found), found.files
    if unlocked:
        say(
            "nothing is locked: the versions of the first build are kept in the user's cache; "
            + spelled("`drydock lock` writes them into the project")
        )
    write(folder, render(blueprint, locks))
    contexts = {SCRIPTS: folder / SCRIPTS} | ({RESOLVED: folder / RESOLVED} if locks else {})
    return Recipe(_fitted(project, blueprint), blueprint.root, folder / "Dockerfile", contexts, unlocked)


def render(blueprint: Blueprint, locks: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a recipe that stays outside of the project: text by path.

    Args:
        blueprint: What differs between projects.
        locks: The lock files that the project lacks: text by their paths in it.
    """
    text = dockerfile.render(packaged.dockerfile(), blueprint, outside=True)
    scripts = packaged.helpers(text)
    return {
        "Dockerfile": text,
        "Dockerfile.dockerignore": ignorefile.render(blueprint, ()),
        **{
            f"{SCRIPTS}/{path.removeprefix(f'{packaged.PLACE}/')}": script for path, script in scripts.items()
        },
        **{f"{RESOLVED}/{path}": lock for path, lock in locks.items()},
        **manifests.render(blueprint),
        expectations.PLACE: expectations.render(blueprint),
    }


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder hold these files and no other but the state; of two processes, the second waits.

    Args:
        folder: The folder, made when it is missing.
        files: Text by path.
    """
    state.prune("recipes")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writing.write(folder, writing.changes(folder, files))
        for path in (path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if name in {*files, LOCK} or name.startswith(f"{STATE}/"):
                path.touch()  # its age counts from its last use
            else:
                path.unlink()


def _fitted(project: Project, blueprint: Blueprint) -> Project:
    """Return a project with the Python versions of its recipe; a base that a person named stays."""
    official = "python:{}-slim".format
    base = official(blueprint.python) if project.base == official(project.python) else project.base
    return replace(project, python=blueprint.python, python_also=blueprint.python_also, base=base)
