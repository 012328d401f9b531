"""Each build compares a written Dockerfile with the project, and refuses differences in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect.project import load
from drydock.recipe import current, drift, packaged
from drydock.recipe.errors import RecipeStale
from tests.conftest import ROOT, write_files
from tests.support.repository import git
from tests.support.shop import LOCK, MAIN


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a repository's subfolder, with a written recipe."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    files = {
        "shop/__init__.py": "",
        "shop/main.py": MAIN,
        "shop/data.txt": "",
        "requirements.txt": LOCK,
        "tests/test_it.py": "",
    }
    folder = write_files(tmp_path / "shop", files)
    recipe.init(folder, {})
    return folder


def refused(folder: Path) -> str:
    """Return a refused build's only line."""
    with pytest.raises(RecipeStale) as caught:
        current.of(load(folder))
    assert str(caught.value).endswith("; run `drydock init`")
    assert "\n" not in str(caught.value)
    return re.sub(r".* does not fit the project: (.*); run .*", r"\1", str(caught.value))


def test_a_written_recipe_is_built_with_the_scripts_of_the_package(shop: Path) -> None:
    said: list[str] = []
    folder = current.of(load(shop), said.append).contexts["drydock"]

    assert said == []
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == packaged.files().keys()
    assert folder == packaged.folder()


def test_a_vendored_recipe_brings_its_scripts(shop: Path) -> None:
    recipe.init(shop, {}, vendor=True)
    said: list[str] = []

    assert current.of(load(shop), said.append).contexts == {}
    assert said == []


def test_a_new_package_and_another_module_fit(shop: Path) -> None:
    write_files(shop, {"prices/__init__.py": "", "shop/main.py": f"import prices\n{MAIN}"})

    current.of(load(shop))


def test_an_import_that_the_ignore_rules_keep_out_is_named(shop: Path) -> None:
    write_files(shop, {"docs/__init__.py": "", "shop/main.py": f"import docs\n{MAIN}"})

    assert refused(shop) == ".dockerignore keeps docs out"
    recipe.init(shop, {})
    current.of(load(shop))


def test_a_comment_in_another_encoding_hides_no_ignore_rule(shop: Path) -> None:
    rules = shop / ".dockerignore"
    rules.write_bytes(rules.read_bytes() + "# caf\u00e9\nshop/data.txt\nshop\n".encode("latin-1"))

    assert ".dockerignore keeps shop out" in refused(shop)


@pytest.mark.parametrize(
    "files", [{"certs/server.key": ""}, {"gone/__pycache__/main.cpython-313.pyc": "", "gone/.env": ""}]
)
def test_a_folder_that_no_build_may_see_is_not_asked_for(files: dict[str, str], shop: Path) -> None:
    write_files(shop, files)
    recipe.init(shop, {})

    current.of(load(shop))


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_module_that_git_ignores_is_named_until_init_lets_it_in(by_hand: bool, shop: Path) -> None:
    git(shop, "init", "--quiet")
    (shop / ".gitignore").write_text("local.py\n")
    recipe.init(shop, {})
    write_files(shop, {"shop/local.py": "", "shop/main.py": f"from shop import local\n{MAIN}"})

    assert refused(shop) == ".dockerignore keeps shop/local.py out"
    recipe.init(shop, {})
    if by_hand:  # then it is a decision
        rules = shop / ".dockerignore"
        rules.write_text(f"{rules.read_text()}shop/local.py\n")
    current.of(load(shop))


def test_an_entry_point_that_moved_is_named(shop: Path) -> None:
    (shop / "shop/main.py").rename(shop / "shop/web.py")

    assert refused(shop) == "the entry point is shop.web:app, not shop.main:app"


def test_an_entry_point_by_hand_is_respected(shop: Path) -> None:
    place = shop / "Dockerfile"
    place.write_text(place.read_text().replace("=shop.main:app", "=shop.main:wrapped"))

    current.of(load(shop))


def test_tests_that_are_gone_or_new_are_named(shop: Path) -> None:
    (shop / "tests/test_it.py").unlink()
    (shop / "tests").rmdir()
    assert refused(shop) == "tests does not exist"
    recipe.init(shop, {})

    write_files(shop, {"test/test_it.py": ""})
    assert refused(shop) == "test is not copied; .dockerignore keeps test out"


def test_a_lock_that_is_gone_is_named(shop: Path) -> None:
    write_files(shop, {"more.lock": ""})
    place = shop / "Dockerfile"
    place.write_text(
        place.read_text().replace("COPY requirements.txt /", "COPY requirements.txt more.lock /", 1)
    )

    assert refused(shop) == ".dockerignore keeps more.lock out"


def test_a_file_that_a_dockerfile_by_hand_lacks_is_named(shop: Path) -> None:
    write_files(shop, {"Dockerfile": "FROM scratch AS drydock\nCOPY gone /\n"})

    with pytest.raises(
        RecipeStale, match="Dockerfile does not fit the project: gone does not exist; correct it"
    ):
        current.of(load(shop))


def test_conflicts_are_named(shop: Path) -> None:
    place = shop / "Dockerfile"
    place.write_text(f"{place.read_text()}<<<<<<< your file\n")

    with pytest.raises(RecipeStale, match="it holds conflicts; resolve them between"):
        current.of(load(shop))


def test_another_change_of_the_project_is_said_and_built(shop: Path) -> None:
    write_files(shop, {"shop/main.py": MAIN.replace("/health", "/healthz")})
    said: list[str] = []

    current.of(load(shop), said.append)

    assert said == ["Dockerfile was made from another state of the project; `drydock init` merges"]


def test_this_repositorys_own_dockerfile_fits() -> None:
    project = load(ROOT)

    drift.check(project, None)
    assert "backend/tests" in drift.sources(project.dockerfile.read_text())
    assert current.of(project).contexts == {}
