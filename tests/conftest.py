"""Fixtures that all tests share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from drydock import spelling
from drydock.detect.project import load
from drydock.project import Project
from drydock.state.history import store
from tests.support import pace
from tests.support.registry import Registry, private_registry, registry


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let long tests give signs of life, and Ctrl-C reach what they start."""
    pace.register(config)
    # A shell has what it starts in the background ignore Ctrl-C, and every child inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


ROOT = Path(__file__).resolve().parent.parent

MakeProject = Callable[[Mapping[str, str]], Project]


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, parents included, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="session", autouse=True)
def state_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests build and judge, and what processes that they start do, out of the user's state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # Where `./run` started these tests, messages would name it.
        patch.delenv(spelling.RUN, raising=False)
        yield


@pytest.fixture(autouse=True)
def history_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin with a history of its own."""
    monkeypatch.setattr(store, "default_path", lambda: tmp_path / "state/history.sqlite3")


@pytest.fixture(scope="module")
def plain() -> Iterator[Registry]:
    """A registry that lets everybody in, over plain HTTP."""
    with registry() as running:
        yield running


@pytest.fixture(scope="module")
def private() -> Iterator[Registry]:
    """A registry that asks for a password, over TLS."""
    with private_registry() as running:
        yield running


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Return a function that makes a project from ``{file: text}`` and loads it."""

    def make(files: Mapping[str, str]) -> Project:
        minimal = {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1.4.2"\nrequires-python = ">=3.13"\n'
        }
        return load(write_files(tmp_path / "project", minimal | dict(files)))

    return make
