"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from drydock.history import store
from drydock.project import Project, load
from tests.support import pace


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let long tests give signs of life."""
    pace.register(config)


ROOT = Path(__file__).resolve().parent.parent

MakeProject = Callable[[Mapping[str, str]], Project]


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, parents included, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(autouse=True)
def history_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what tests build and judge out of the user's history."""
    monkeypatch.setattr(store, "default_path", lambda: tmp_path / "state/history.sqlite3")


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Return a function that makes a project from ``{file: text}`` and loads it."""

    def make(files: Mapping[str, str]) -> Project:
        minimal = {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1.4.2"\nrequires-python = ">=3.13"\n'
        }
        return load(write_files(tmp_path / "project", minimal | dict(files)))

    return make
