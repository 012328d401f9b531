"""The recipe for a project's current files: written down, or rendered outside it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from drydock import state
from drydock.build.plan import Options, arguments, targets
from drydock.deploy.render import overlays
from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.gates.expectations import read
from drydock.gates.gate import registry
from drydock.gates.proof import defined
from drydock.project import Project
from drydock.recipe import current, packaged, resolve
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.current import Recipe
from tests.detect.support import materialise

LOCK = "fastapi==0.1.0 --hash=sha256:00\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/drydock"


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[Blueprint]:
    """Resolutions without a package index; yields the resolved blueprints."""
    asked: list[Blueprint] = []

    def versions(blueprint: Blueprint) -> dict[str, str]:
        asked.append(blueprint)
        return {"requirements.lock": LOCK, "requirements-test.lock": LOCK}

    monkeypatch.setattr(resolve, "fitted", lambda blueprint: blueprint)
    monkeypatch.setattr(resolve, "resolve", versions)
    return asked


def files(folder: Path) -> Mapping[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def recipe_of(
    shape: str, tmp_path: Path, say: Callable[[str], None] = lambda _: None
) -> tuple[Project, Recipe]:
    folder = tmp_path / shape
    if not folder.exists():
        materialise(shape, folder)
    project = load(folder)
    return project, current.of(project, say)


def test_a_recipe_is_rendered_outside_and_the_project_stays_as_it_is(tmp_path: Path) -> None:
    before = files(materialise("lock_poetry", tmp_path / "lock_poetry"))

    project, recipe = recipe_of("lock_poetry", tmp_path)

    assert files(project.root) == before
    assert recipe.context == project.root
    assert recipe.dockerfile == project.dockerfile
    assert not project.dockerfile.is_relative_to(project.root)
    assert {"builder", "slim", "production", "test"} <= set(targets(project.dockerfile))
    assert (recipe.contexts["drydock"] / "start.py").is_file()
    assert "resolved" not in recipe.contexts
    assert not recipe.resolved


def test_the_build_lets_in_the_application_and_no_scripts_of_the_project(tmp_path: Path) -> None:
    project, _ = recipe_of("lock_poetry", tmp_path)

    lines = project.ignore.read_text().splitlines()

    assert project.ignore.name == "Dockerfile.dockerignore"
    assert "*" in lines
    assert {"!main.py", "!poetry.lock", "!pyproject.toml"} <= set(lines)
    assert not [line for line in lines if line.startswith("!image")]


def test_the_command_names_dockerfile_contexts_and_the_project(tmp_path: Path) -> None:
    project, recipe = recipe_of("lock_poetry", tmp_path)
    options = Options(context=recipe.context, dockerfile=recipe.dockerfile, contexts=recipe.contexts)

    args = arguments(project, options, ca_bundle=None, outputs=tmp_path, environment={})

    assert f"--file={project.recipe_folder}/Dockerfile" in args
    assert f"--build-context=drydock={packaged.folder()}" in args
    assert args[-1] == str(project.root)


def test_what_is_not_locked_is_resolved_once_for_a_declaration(
    resolved: list[Blueprint], tmp_path: Path
) -> None:
    said: list[str] = []

    _, recipe = recipe_of("requirements_unpinned", tmp_path, said.append)
    project, _ = recipe_of("requirements_unpinned", tmp_path)

    assert len(resolved) == 1
    assert recipe.resolved
    assert len(said) == 1
    assert "lock`" in said[0]
    assert (recipe.contexts["resolved"] / "requirements.lock").read_text() == LOCK
    text = project.dockerfile.read_text()
    assert "COPY --from=resolved requirements.lock /\n" in text
    assert "resolved" in targets(project.dockerfile)
    assert "!requirements.lock" not in project.ignore.read_text()

    with (project.root / "requirements.txt").open("a") as file:
        file.write("httpx\n")
    recipe_of("requirements_unpinned", tmp_path)
    assert len(resolved) == 2


def test_a_kept_resolution_that_cannot_be_read_is_made_again(
    resolved: list[Blueprint], cache: Path, tmp_path: Path
) -> None:
    recipe_of("requirements_unpinned", tmp_path)
    (kept,) = (cache / "resolutions").iterdir()
    kept.write_text("{")

    recipe_of("requirements_unpinned", tmp_path)

    assert len(resolved) == 2


def test_a_recipe_holds_what_the_project_has_now(tmp_path: Path) -> None:
    project, _ = recipe_of("lock_poetry", tmp_path)
    left = project.recipe_folder / "image/gone.toml"
    left.write_text("")
    project.state.mkdir()
    (project.state / "base.json").write_text("{}")
    (project.root / "prices").mkdir()
    (project.root / "prices/__init__.py").write_text("")

    current.of(project)

    assert not left.exists()
    assert (project.state / "base.json").is_file()
    assert "COPY prices /rootfs/app/prices" in project.dockerfile.read_text()
    assert "!prices" in project.ignore.read_text().splitlines()


def test_a_recipe_that_is_used_is_not_pruned_and_one_that_is_not_is(cache: Path, tmp_path: Path) -> None:
    project, _ = recipe_of("lock_poetry", tmp_path)
    other = cache / "recipes/0123/Dockerfile"
    other.parent.mkdir()
    long_ago = time.time() - 31 * state.DAY
    for path in (other, *(path for path in project.recipe_folder.rglob("*") if path.is_file())):
        path.touch()
        os.utime(path, (long_ago, long_ago))
    (state.folder("tidied") / "recipes").unlink()  # as on another day

    current.of(project)
    current.of(project)

    assert not other.exists()
    assert all(path.stat().st_mtime > long_ago for path in project.recipe_folder.rglob("*"))
    assert project.dockerfile.is_file()


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("FROM python:3.13\nCMD uvicorn main:app\n", False),
        ("FROM python:3.13 AS production\n", False),
        ("# Written by `invoke init` of drydock.\nFROM scratch AS production\n", True),
        ("FROM scratch AS drydock\nCOPY main.py /\n", True),
    ],
)
def test_only_a_dockerfile_of_drydocks_form_is_the_recipe(text: str, ours: bool, tmp_path: Path) -> None:
    folder = materialise("lock_poetry", tmp_path / "lock_poetry")
    (folder / "Dockerfile").write_text(text)
    said: list[str] = []

    project, recipe = recipe_of("lock_poetry", tmp_path, said.append)

    assert (project.dockerfile == folder / "Dockerfile") is ours
    assert (recipe.dockerfile is None) is ours
    assert (folder / "Dockerfile").read_text() == text
    assert len(said) == (0 if ours else 1)


def test_a_project_that_cannot_become_an_image_has_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(Undecided, match="cannot be decided"):
        recipe_of("blocked_gpu", tmp_path)


def test_manifests_and_expectations_are_those_that_init_would_write(tmp_path: Path) -> None:
    project, _ = recipe_of("lock_poetry", tmp_path)

    assert overlays(project) == ["local", "production"]
    place = read.place(project)
    assert place == project.recipe_folder / "image/expectations.toml"

    own = project.root / "image/expectations.toml"
    own.parent.mkdir()
    own.write_text("")
    assert read.place(project) == own


def test_two_clones_share_receipts_and_another_recipe_does_not(tmp_path: Path) -> None:
    gate = registry()["security"]
    project, _ = recipe_of("lock_poetry", tmp_path)
    shutil.copytree(project.root, tmp_path / "clone")
    clone = load(tmp_path / "clone")
    current.of(clone)

    assert clone.recipe_folder != project.recipe_folder
    assert defined(gate, clone, "production") == defined(gate, project, "production")

    clone.dockerfile.write_text(f"{clone.dockerfile.read_text()}\n")
    assert defined(gate, clone, "production") != defined(gate, project, "production")


def test_a_setting_that_is_required_has_an_example_without_a_file(tmp_path: Path) -> None:
    project = load(materialise("settings_at_import", tmp_path / "settings_at_import"))

    assert project.development.environment


def test_uvs_lock_for_one_release_asks_the_base_for_it(tmp_path: Path) -> None:
    _, loose = recipe_of("lock_uv", tmp_path)
    for name in ("pyproject.toml", "uv.lock"):
        path = tmp_path / "lock_uv" / name
        path.write_text(re.sub('(requires-python = )".*"', r'\1"==3.13.2"', path.read_text()))
    _, exact = recipe_of("lock_uv", tmp_path)

    assert (loose.project.python_release, exact.project.python_release) == ("", "3.13.2")


def test_a_member_of_a_workspace_is_built_from_above(tmp_path: Path) -> None:
    folder = materialise("lock_uv_workspace", tmp_path / "whole")
    (member,) = {path.parent for path in folder.rglob("pyproject.toml") if "api" in str(path.parent)}
    project = load(member)

    recipe = current.of(project)

    assert recipe.context == folder.resolve()
    assert project.source == member.resolve()
