"""Find a project's present recipe: the written one, else a rendered one."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from drydock import project as projects
from drydock import recipe, state
from drydock.detect.errors import Undecided
from drydock.progress import Patience, Say, silent, unseen
from drydock.project import Project
from drydock.project.model import STATE
from drydock.recipe import drift, packaged, writing, written
from drydock.spelling import spelled

if TYPE_CHECKING:
    from drydock.recipe.blueprint import Blueprint

# The stage that the scripts replace, also their folder in the recipe's.
SCRIPTS = "drydock"
LOCK = ".lock"


@dataclass(frozen=True)
class Recipe:
    """The inputs of a build."""

    project: Project  # with the Python versions that all resolved packages have wheels for
    context: Path
    dockerfile: Path | None = None  # None for the context's own
    contexts: Mapping[str, Path] = field(default_factory=dict)  # folders by the stages that they replace
    resolved: bool = False  # whether drydock chose the dependencies' versions, since there is no lock


def of(project: Project, say: Say = silent, patience: Patience = unseen) -> Recipe:
    """Return a project's recipe; missing parts are rendered outside of the project."""
    if place := project.written:
        return _written(project, place, say)
    if (project.root / "Dockerfile").is_file():
        say("the project's own Dockerfile stays as it is; drydock reads from it what the image needs")
    # Imported here: a build from a written Dockerfile should not wait for it.
    from drydock.recipe import resolution, resolve
    from drydock.recipe.recipes import RESOLVED

    blueprint = _blueprint(project)
    unlocked = resolve.is_needed(blueprint)
    fit = "python" not in projects.table(project.root)
    blueprint, locks = resolution.completed(blueprint, patience, fit=fit)
    if unlocked:
        say(
            "nothing is locked: the versions of the first build are kept in the user's cache; "
            + spelled("`drydock lock` writes them into the project")
        )
    folder = project.recipe_folder
    write(folder, render(blueprint, locks))
    contexts = {SCRIPTS: packaged.folder()} | ({RESOLVED: folder / RESOLVED} if locks else {})
    return Recipe(_fitted(project, blueprint), blueprint.root, folder / "Dockerfile", contexts, unlocked)


def _blueprint(project: Project) -> Blueprint:
    source = project.source.relative_to(project.root).as_posix()
    return recipe.plan(recipe.decided(project.root, {} if source == "." else {"source": source}))


def _written(project: Project, place: Path, say: Say) -> Recipe:
    """Return the recipe in a project's own files, with drydock's scripts if they hold none."""
    blueprint = None
    if written.is_ours(place):
        try:
            blueprint = _blueprint(project)
        except Undecided:  # it was decided at the time of writing, or by hand
            say("detection cannot decide the project's recipe, so only the written one counts")
    drift.check(project, blueprint)
    brings = drift.stage(place.read_text(encoding="utf-8"), SCRIPTS)
    if blueprint:
        if drift.differs(place, recipe.render(blueprint, vendor=brings)):
            say(spelled(f"{place.name} was made from another state of the project; `drydock init` merges"))
        write(project.recipe_folder, _beside(blueprint))
        project = _fitted(project, blueprint)
    own = None if place.name == "Dockerfile" else place
    return Recipe(project, project.root, own, {} if brings else {SCRIPTS: packaged.folder()})


def render(blueprint: Blueprint, locks: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a recipe outside of the project; `locks` are the texts that it lacks, by path."""
    from drydock.recipe import dockerfile, ignorefile
    from drydock.recipe.recipes import RESOLVED

    return {
        "Dockerfile": dockerfile.render(blueprint, outside=True),
        "Dockerfile.dockerignore": ignorefile.render(blueprint, outside=True),
        **{f"{RESOLVED}/{path}": lock for path, lock in locks.items()},
        **_beside(blueprint),
    }


def _beside(blueprint: Blueprint) -> dict[str, str]:
    """Return a project's manifests and expectations: text by path."""
    from drydock.recipe import expectations, manifests

    return {**manifests.render(blueprint), **expectations.render(blueprint)}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder hold only these files and the state; a second process waits."""
    state.tidy("recipes")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writing.write(folder, writing.changes(folder, files))
        for path in (path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if name in {*files, LOCK} or name.startswith(f"{STATE}/"):
                state.use(path)
            else:
                path.unlink()


def _fitted(project: Project, blueprint: Blueprint) -> Project:
    """Return a project with its recipe's Python versions; a base that a person named stays."""
    official = "python:{}-slim".format
    base = official(blueprint.python) if project.base == official(project.python) else project.base
    # uv compares the base with the lock's range; the other tools' locks are installed as requirements.
    compared = blueprint.dependencies.locked and blueprint.dependencies.tool == "uv"
    return replace(
        project,
        python=blueprint.python,
        python_also=blueprint.python_also,
        python_release=blueprint.python_release if compared else "",
        base=base,
    )
