"""`init` as a person meets it: what it writes, what it leaves alone, what it says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect import detect
from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.recipe.errors import FilesDiffer, NotLocked
from tests.conftest import write_files
from tests.detect.support import APPS, materialise, summary
from tests.verify.cases import Case, examples

APPLICATION = """\
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
def health() -> str:
    return "ok"
"""
LOCK = "fastapi==0.165.0 \\\n    --hash=sha256:00\nuvicorn==0.54.0 \\\n    --hash=sha256:00\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose requirements are locked, so that nothing has to be resolved."""
    files = {"shop/__init__.py": "", "shop/main.py": APPLICATION, "requirements.txt": LOCK}
    return write_files(tmp_path / "shop", files)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_everything_that_an_image_needs_is_written(shop: Path) -> None:
    recipe.init(shop, {})

    written = set(tree(shop))
    assert {
        "Dockerfile",
        ".dockerignore",
        "drydock.toml",
        "image/start.py",
        "image/assemble/__main__.py",
    } <= written
    assert {
        "deploy/kubernetes/base/deployment.yaml",
        "deploy/kubernetes/overlays/production/kustomization.yaml",
    } <= (written)


def test_a_dry_run_writes_nothing_and_shows_the_same(shop: Path) -> None:
    before = tree(shop)

    shown = recipe.init(shop, {}, dry_run=True)

    assert tree(shop) == before
    assert shown.changes == recipe.init(shop, {}).changes


def test_a_second_run_has_nothing_to_write(shop: Path) -> None:
    recipe.init(shop, {})

    assert recipe.init(shop, {}).changes == ()


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "fastapi\nuvicorn\n"},
        {"requirements/prod.txt": "-r ../base.txt\nuvicorn\n", "base.txt": "fastapi\n"},
        {"pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['fastapi']\n"},
        {"setup.py": "from setuptools import setup\n\nsetup(name='shop', install_requires=['fastapi'])\n"},
    ],
    ids=["requirements.txt", "requirements of another name", "pyproject.toml", "setup.py"],
)
def test_a_second_run_after_locking_has_nothing_to_write(files: dict[str, str], tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", {"main.py": APPLICATION, **files})
    recipe.init(folder, {})

    assert [change.path for change in recipe.init(folder, {}).changes] == []


@pytest.mark.parametrize("case", [case for case in examples() if not case.is_refused], ids=lambda c: c.name)
def test_a_second_run_in_an_example_has_nothing_to_write(case: Case, tmp_path: Path) -> None:
    folder = materialise(case.name, tmp_path / case.name) / case.member
    first = recipe.init(folder, {}, lock=False, force=True)

    second = recipe.init(folder, {}, lock=False)

    assert [change.path for change in second.changes] == []
    assert set(second.notes) <= set(first.notes)


PLUGINS = """\
[project]
name = "shop"
version = "1"
dependencies = ["fastapi"]

[project.entry-points."shop.plugins"]
extra = "main:app"
"""
# Its dependencies are locked already, so that its build alone has to be.
BY_LOCK = {"lock": "requirements.txt"}
INSTALLED = {
    "requirements.txt": LOCK,
    "main.py": "from importlib.metadata import entry_points\n\nentry_points(group='shop.plugins')\n"
    + APPLICATION,
}


@pytest.mark.parametrize(
    ("files", "tools"),
    [
        ({"pyproject.toml": f'{PLUGINS}[build-system]\nrequires = ["hatchling"]\n'}, "hatchling=="),
        (
            {"pyproject.toml": PLUGINS, "setup.py": "from setuptools import setup\n\nsetup()\n"},
            "setuptools==",
        ),
    ],
    ids=["declared", "not declared"],
)
def test_what_builds_an_installed_project_is_locked_once(
    files: dict[str, str], tools: str, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "shop", {**INSTALLED, **files})

    unmade = recipe.init(folder, BY_LOCK, dry_run=True).unresolved
    recipe.init(folder, BY_LOCK)

    assert "image/build.txt" in unmade
    lock = (folder / "image/build.txt").read_text()
    assert f"\n{tools}" in lock
    assert "--hash=sha256:" in lock
    assert "uv build --wheel" in (folder / "Dockerfile").read_text()
    assert [change.path for change in recipe.init(folder, {}).changes] == []


def test_a_build_that_needs_nothing_has_an_empty_lock(tmp_path: Path) -> None:
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    folder = write_files(tmp_path / "shop", {**INSTALLED, "pyproject.toml": PLUGINS + system})

    recipe.init(folder, BY_LOCK)

    lines = (folder / "image/build.txt").read_text().splitlines()
    assert lines
    assert all(line.startswith("#") for line in lines)


@pytest.mark.parametrize("lock", [False, True], ids=["unasked", "without a hash"])
def test_what_cannot_be_locked_builds_the_project_unlocked(lock: bool, tmp_path: Path) -> None:
    backend = write_files(
        tmp_path / "backend", {"pyproject.toml": '[project]\nname = "backend"\nversion = "1"\n'}
    )
    system = f'[build-system]\nrequires = ["backend @ {backend.as_uri()}"]\nbuild-backend = "backend"\n'
    files = {"pyproject.toml": PLUGINS + system}
    folder = write_files(tmp_path / "shop", {**INSTALLED, **files})

    recipe.init(folder, BY_LOCK, lock=lock)

    assert not (folder / "image/build.txt").exists()
    assert "--no-deps --target=/rootfs/app /project" in (folder / "Dockerfile").read_text()


def test_nothing_is_overwritten_without_force(shop: Path) -> None:
    write_files(shop, {"Dockerfile": "FROM python\n"})
    before = tree(shop)

    with pytest.raises(
        FilesDiffer,
        match=r"what stands in .* differs from what would be written: Dockerfile; read the difference",
    ) as caught:
        recipe.init(shop, {})

    assert tree(shop) == before
    assert "-FROM python\n+# From a FastAPI project's source" in caught.value.evidence


def test_force_overwrites(shop: Path) -> None:
    write_files(shop, {"Dockerfile": "FROM python\n"})

    recipe.init(shop, {}, force=True)

    assert "FROM scratch AS production" in (shop / "Dockerfile").read_text()


def test_all_files_are_written_or_none(shop: Path) -> None:
    write_files(shop, {"deploy": "a file where a folder has to be"})
    before = tree(shop)

    with pytest.raises(OSError, match="deploy"):
        recipe.init(shop, {})

    assert tree(shop) == before


def test_the_configuration_is_added_to_an_existing_pyproject(tmp_path: Path) -> None:
    head = '# mine\n[project]\nname = "shop"\ndependencies = ["fastapi", "uvicorn"]\n'
    write_files(tmp_path, {"main.py": APPLICATION, "pyproject.toml": head, "requirements.lock": LOCK})

    recipe.init(tmp_path, {})

    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith(head)
    assert tomllib.loads(text)["tool"]["drydock"]["entry-point"] == "main:app"
    assert 'entry-point = "main:app"  # main.py:3; the only application' in text


def test_a_configuration_by_hand_stays_and_wins(shop: Path) -> None:
    by_hand = 'port = 9000\nhealth-path = "/up"\n'
    write_files(shop, {"drydock.toml": by_hand})

    recipe.init(shop, {})

    assert (shop / "drydock.toml").read_text() == by_hand
    text = (shop / "Dockerfile").read_text()
    assert " PORT=9000\n" in text
    assert " HEALTH_PATH=/up\n" in text


def test_an_option_wins_over_what_is_found(shop: Path) -> None:
    recipe.init(shop, {"port": "9001"})

    assert load(shop).port == 9001


def test_what_is_written_is_read_back_without_detection(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe.init(shop, {})
    monkeypatch.setattr("drydock.detect.detect", lambda *_: pytest.fail("everything is configured"))

    loaded = load(shop)

    assert (loaded.entry_point, loaded.health_path, loaded.lock) == (
        "shop.main:app",
        "/health",
        "requirements.txt",
    )


def test_a_workspace_gets_its_files_where_its_lock_is(tmp_path: Path) -> None:
    root = materialise("lock_uv_workspace", tmp_path / "shop")

    outcome = recipe.init(root / "services/api", {})

    assert outcome.root == root
    assert f"the files go to {root}, which holds the lock file of the workspace" in outcome.notes
    assert load(root / "services/api").source == root / "services/api"


@pytest.mark.parametrize("shape", sorted(path.parent.name for path in APPS.glob("blocked_*/expected.toml")))
def test_a_blocked_project_is_refused_with_the_reason(shape: str, tmp_path: Path) -> None:
    folder = materialise(shape, tmp_path / shape)
    found = summary(detect(folder))
    before = tree(folder)

    with pytest.raises(Undecided) as caught:
        recipe.init(folder, {})

    assert str(found["blocker_text"] or found["conflict_text"]) in caught.value.evidence
    assert tree(folder) == before


def test_dependencies_that_contradict_each_other_are_not_locked(tmp_path: Path) -> None:
    wanted = "fastapi==0.100.0\nstarlette==0.46.0\n"
    folder = write_files(tmp_path / "shop", {"main.py": APPLICATION, "requirements.txt": wanted})
    before = tree(folder)

    with pytest.raises(NotLocked, match=r"No solution found when resolving dependencies"):
        recipe.init(folder, {})

    assert tree(folder) == before


def test_unlocked_dependencies_are_locked_with_hashes(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", {"main.py": APPLICATION, "requirements.txt": "fastapi\n"})

    outcome = recipe.init(folder, {})

    lock = (folder / "requirements.lock").read_text()
    assert lock.count("--hash=") > lock.count("==") > 5
    assert "\nuvicorn==" in lock  # which nothing else brings
    assert "uvicorn is added: no declared dependency brings a server" in outcome.notes
    assert "--require-hashes /locks/requirements.lock" in (folder / "Dockerfile").read_text()


def test_without_a_lock_the_dockerfile_says_so(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "shop", {"main.py": APPLICATION, "requirements.txt": "fastapi\nuvicorn\n"}
    )

    outcome = recipe.init(folder, {}, lock=False)

    note = "requirements.txt is not locked: two builds of one source may differ; `drydock lock` locks it"
    assert note in outcome.notes
    assert "They are not locked" in (folder / "Dockerfile").read_text()
    assert not (folder / "requirements.lock").exists()
