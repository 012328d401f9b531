"""Projects without a lock that install from a wheel, an archive, a folder, a repository or an address."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect import detect
from drydock.detect.project import load
from drydock.project import lock
from drydock.recipe import locking
from drydock.recipe.errors import FolderNotLocked
from tests.conftest import write_files
from tests.support.index import Index, served

MAIN = "import tool\nfrom fastapi import FastAPI\n\napp = FastAPI()\n"
WHEEL, ARCHIVE = "tool-1.0-py3-none-any.whl", "tool-1.0.tar.gz"
METADATA = "Metadata-Version: 2.2\nName: tool\nVersion: 1.0\nRequires-Dist: orjson\n"
LIBRARY = '[project]\nname = "tool"\nversion = "1.0"\ndependencies = ["orjson"]\n'
FOLDER = {"libs/tool/pyproject.toml": LIBRARY, "libs/tool/tool/__init__.py": ""}
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.hooksPath=/dev/null")
# Where uv takes the distribution from: its row of [tool.uv.sources].
SOURCES = {
    "wheel": f'path = "vendor/{WHEEL}"',
    "wheel beside the manifest": f'path = "{WHEEL}"',
    "archive": f'path = "vendor/{ARCHIVE}"',
    "folder": 'path = "libs/tool"',
    "editable folder": 'path = "libs/tool", editable = true',
    "workspace": "workspace = true",
    "repository": 'git = "{index}/source/.git"',
    "address": f'url = "{{index}}/tool/{WHEEL}"',
}


def manifest(requirement: str = "tool", source: str = "") -> str:
    text = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.12"\n'
    text += f'dependencies = ["fastapi", "uvicorn", "{requirement}"]\n'
    text += f"[tool.uv.sources]\ntool = {{ {source} }}\n" if source else ""
    return text + ('[tool.uv.workspace]\nmembers = ["libs/*"]\n' if "workspace" in source else "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index with the dependencies of a small application, and a repository with its tool."""
    with served(tmp_path / "index") as found:
        for name in ("fastapi", "uvicorn", "httpx", "pytest", "orjson"):
            found.add(name, "1.0")
        found.add("tool", "1.0", ["orjson"])
        publish(found, LIBRARY)
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url)
        monkeypatch.setenv("UV_NO_CACHE", "1")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield found


def publish(index: Index, text: str) -> None:
    """Publish a repository with a manifest at the index's own address."""
    source = write_files(index.folder / "source", {"pyproject.toml": text})
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--allow-empty", "--message=Add"]):
        subprocess.run([*GIT, *words], cwd=source, check=True)
    subprocess.run([*GIT, "-C", source, "update-server-info"], check=True)


def shop(index: Index, tmp_path: Path, text: str, name: str = "shop") -> Path:
    """Return a project with a manifest, and with all that it may install from."""
    text = text.replace("{index}", index.url)
    folder = write_files(tmp_path / name, {"main.py": MAIN, "pyproject.toml": text})
    if "libs/" in text:
        write_files(folder, FOLDER)
    for place in (folder, folder / "vendor"):
        place.mkdir(exist_ok=True)
        shutil.copy(index.folder / "tool" / WHEEL, place)
        with tarfile.open(place / ARCHIVE, "w:gz") as archive:
            for inner, content in {"PKG-INFO": METADATA, "pyproject.toml": LIBRARY}.items():
                entry = tarfile.TarInfo(f"tool-1.0/{inner}")
                entry.size = len(content)
                archive.addfile(entry, BytesIO(content.encode()))
    return folder


def held(folder: Path, name: str = "requirements.lock") -> list[str]:
    """Return the entries of a lock: names, paths and addresses."""
    return re.findall(r"^[^\s#][^\s=]*", (folder / name).read_text(), re.MULTILINE)


def stage(folder: Path, name: str) -> str:
    return (folder / "Dockerfile").read_text().partition(f" AS {name}\n")[2].partition("\nFROM ")[0]


@pytest.mark.parametrize("kind", SOURCES)
def test_a_second_init_has_nothing_to_write_and_the_build_finds_a_fitting_lock(
    kind: str, index: Index, tmp_path: Path
) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES[kind]))

    recipe.init(folder, {})

    assert [change.path for change in recipe.init(folder, {}).changes] == []
    assert lock.find(load(folder)).name == "requirements.lock"
    assert [one.changed for one in locking.lock(folder)] == [False, False]
    # It requires it, also where it is not in the lock itself.
    assert "orjson" in held(folder)


def test_an_address_in_the_requirement_is_locked_as_well(index: Index, tmp_path: Path) -> None:
    folder = shop(index, tmp_path, manifest(f"tool @ {index.url}/tool/{WHEEL}"))

    recipe.init(folder, {})

    assert [change.path for change in recipe.init(folder, {}).changes] == []
    assert lock.find(load(folder)).name == "requirements.lock"
    assert "--require-hashes" in stage(folder, "dependencies")


@pytest.mark.parametrize("kind", ["wheel", "archive"])
def test_a_file_is_installed_by_its_hash_for_the_image_and_the_tests(
    kind: str, index: Index, tmp_path: Path
) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES[kind]))

    recipe.init(folder, {})

    path = f"vendor/{WHEEL if kind == 'wheel' else ARCHIVE}"
    assert f"COPY {path} /vendor/\n" in (folder / "Dockerfile").read_text()
    assert f"COPY {path} /locks/vendor/\n" in stage(folder, "test-dependencies")
    assert "cd /locks; \\\n" in stage(folder, "dependencies")
    assert "--require-hashes /locks/requirements.lock" in stage(folder, "dependencies")


@pytest.mark.parametrize("kind", ["folder", "editable folder", "workspace"])
def test_a_folder_ships_as_source_and_only_its_requirements_are_locked(
    kind: str, index: Index, tmp_path: Path
) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES[kind]))

    recipe.init(folder, {})

    assert held(folder) == ["fastapi", "orjson", "uvicorn"]
    assert "APP_PATH=/app:/app/libs/tool " in (folder / "Dockerfile").read_text().replace("\n", " ")
    # uv would install the folder, which the build has not got there.
    assert "pyproject.toml" not in stage(folder, "dependencies")


def test_a_folder_that_a_folder_installs_ships_as_source_too(index: Index, tmp_path: Path) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES["folder"]))
    more = LIBRARY.replace("orjson", "words") + '[tool.uv.sources]\nwords = { path = "../words" }\n'
    words = '[project]\nname = "words"\nversion = "1"\ndependencies = ["httpx"]\n'
    write_files(folder, {"libs/tool/pyproject.toml": more, "libs/words/pyproject.toml": words})

    recipe.init(folder, {})

    assert held(folder) == ["fastapi", "httpx", "uvicorn"]
    assert lock.find(load(folder)).name == "requirements.lock"


def test_a_folder_that_is_added_to_a_locked_project_stays_out_of_its_lock(
    index: Index, tmp_path: Path
) -> None:
    folder = shop(index, tmp_path, manifest("orjson"))
    locking.lock(folder)
    write_files(folder, {"pyproject.toml": manifest(source=SOURCES["folder"]), **FOLDER})

    locking.lock(folder)

    assert held(folder) == ["fastapi", "orjson", "uvicorn"]
    assert "--no-emit-package=tool" in (folder / "requirements.lock").read_text()


def test_a_folder_is_not_installed_without_a_lock(index: Index, tmp_path: Path) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES["folder"]))

    with pytest.raises(FolderNotLocked, match=r"tool in .* ships as source") as caught:
        recipe.init(folder, {}, lock=False)

    assert str(caught.value).endswith("run `drydock init` without --no-lock")


def test_a_folder_beside_the_project_is_refused_by_its_path(index: Index, tmp_path: Path) -> None:
    folder = shop(index, tmp_path, manifest(source='path = "../tool"'))

    assert [one.fact for one in detect(folder).blockers] == ["../tool is installed from ../tool"]


def test_a_repository_is_locked_by_its_commit_without_a_hash(index: Index, tmp_path: Path) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES["repository"]))

    recipe.init(folder, {})

    assert re.search(
        r"^tool @ git\+http://.*@[0-9a-f]{40}$", (folder / "requirements.lock").read_text(), re.M
    )
    steps = " ".join(stage(folder, "dependencies").replace("\\\n", "").split())
    assert "--no-install-recommends git " in steps
    assert "uv pip sync --python=/opt/venv /locks/requirements.lock;" in steps
    # A comparison with the manifest would fetch the branch's newest commit.
    assert "pyproject.toml" not in steps


def test_a_repository_that_only_a_folder_asks_for_has_git_in_the_build(index: Index, tmp_path: Path) -> None:
    folder = shop(index, tmp_path, manifest(source=SOURCES["folder"]))
    publish(index, LIBRARY.replace('name = "tool"', 'name = "words"'))
    words = f'[tool.uv.sources]\nwords = {{ git = "{index.url}/source/.git" }}\n'
    write_files(folder, {"libs/tool/pyproject.toml": LIBRARY.replace("orjson", "words") + words})

    recipe.init(folder, {})

    assert "--no-install-recommends git " in stage(folder, "dependencies")
    assert [change.path for change in recipe.init(folder, {}).changes] == []


def test_the_lock_of_tests_beside_a_wheel_above_them_is_found(index: Index, tmp_path: Path) -> None:
    root = shop(index, tmp_path, manifest(source=SOURCES["wheel"]))
    text = manifest(source=f'path = "../vendor/{WHEEL}"')
    write_files(root, {"api/pyproject.toml": text, "api/main.py": MAIN})
    for name in ("main.py", "pyproject.toml"):
        (root / name).unlink()

    recipe.init(root, {})

    steps = stage(root, "test-dependencies")
    assert "COPY api/requirements.lock api/requirements-test.lock /locks/api/\n" in steps
    assert "difference.py /locks/api/requirements-test.lock /opt/venv" in steps


def test_poetrys_folder_and_wheel_without_a_lock_are_not_those_of_the_index(
    index: Index, tmp_path: Path
) -> None:
    poetry = '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\nfastapi = "*"\nuvicorn = "*"\n'
    folder = shop(index, tmp_path, f'{poetry}tool = {{ path = "libs/tool" }}\n')
    wheel = shop(index, tmp_path, f'{poetry}tool = {{ path = "vendor/{WHEEL}" }}\n', "other")

    for place in (folder, wheel):
        recipe.init(place, {})

        assert [change.path for change in recipe.init(place, {}).changes] == []
    assert held(folder) == ["fastapi", "orjson", "uvicorn"]
    assert f"./vendor/{WHEEL}" in held(wheel)
