"""A project without drydock's files becomes an image that answers, and stays unchanged."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drydock import programs
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates.gate import registry
from drydock.gates.run import run
from drydock.publish.builds import open_workspace
from drydock.workspace import Workspace
from tests.detect.support import materialise, write
from tests.support.images import remove_repository
from tests.support.repository import git

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

MAIN = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
"""
MANIFEST = """\
[project]
name = "shop"
version = "1.2.0"
requires-python = ">=3.11"
dependencies = ["fastapi", "uvicorn"]
"""
THEIRS = "FROM python:3.13\nCOPY . /srv\nWORKDIR /srv\nCMD uvicorn main:app --port 8000\n"


def unpinned(folder: Path) -> str:
    materialise("requirements_unpinned", folder)
    return "main.py"


def src_with_uv_lock(folder: Path) -> str:
    write(folder, {"pyproject.toml": MANIFEST, "src/shop/__init__.py": "", "src/shop/main.py": MAIN})
    subprocess.run([programs.uv(), "lock", "--quiet"], cwd=folder, check=True)
    return "src/shop/main.py"


def poetry_with_a_dockerfile(folder: Path) -> str:
    materialise("lock_poetry", folder)
    write(folder, {"Dockerfile": THEIRS})
    return "main.py"


@pytest.fixture
def open_again(engine: Engine, tmp_path: Path) -> Iterator[Callable[[], Workspace]]:
    """Return a function that opens the project like a new process; remove its images afterwards."""
    image = f"bare-{uuid.uuid4().hex[:12]}"
    folder = tmp_path / "project"
    yield lambda: open_workspace(engine, dataclasses.replace(load(folder), image=image))
    remove_repository(engine, image)
    shutil.rmtree(load(folder).recipe_folder, ignore_errors=True)


@pytest.mark.parametrize("make", [unpinned, src_with_uv_lock, poetry_with_a_dockerfile])
def test_a_project_without_our_files_builds_answers_and_stays_clean(
    make: Callable[[Path], str], open_again: Callable[[], Workspace], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    main = make(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=theirs")

    workspace = open_again()
    for name in ("smoke", "size_budget"):
        (judged,) = run(registry()[name], workspace, ("production",))
        assert judged.verdict.passed, f"{judged.verdict.summary}\n{judged.verdict.evidence}"
    assert git(folder, "status", "--porcelain", "--ignored") == ""

    again = open_again().built("production")
    assert again.cached == len(again.steps) > 0

    package = Path(main).parent / "prices/__init__.py"
    write(folder, {str(package): "TAX = 0.2\n"})
    imported = "shop.prices" if package.parts[0] == "src" else "prices"
    (folder / main).write_text(f"from {imported} import TAX\n{MAIN}\n\nassert TAX\n")
    changed = open_again()
    (judged,) = run(registry()["smoke"], changed, ("production",))
    assert judged.verdict.passed, f"{judged.verdict.summary}\n{judged.verdict.evidence}"
    assert any(path.endswith("prices/__init__.py") for path in judged.subject.anatomy.tree)
