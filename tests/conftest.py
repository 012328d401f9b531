"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from drydock import base, command, spelling
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.project import Project
from drydock.publish import cosign
from drydock.state import history
from tests.support import pace
from tests.support.registry import Registry, private_registry, registry
from tests.support.ship import Ship, ship_project


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Report progress of long tests, and clean up after Ctrl-C and SIGTERM."""
    pace.register(config)
    # A shell makes background processes ignore Ctrl-C, and their children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


ROOT = Path(__file__).resolve().parent.parent

KEY_PASSWORD = "opens the key"
MakeProject = Callable[[Mapping[str, str]], Project]
FakeProgram = Callable[[str, str], Path]


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, parents included, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="session", autouse=True)
def state_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the builds, verdicts and processes of tests out of the user's state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # With `./run`'s variable, messages would name it.
        patch.delenv(spelling.RUN, raising=False)
        yield


@pytest.fixture(autouse=True)
def history_of_this_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test with an empty history; few need the folder."""
    monkeypatch.setattr(
        history, "default_path", lambda: Path(request.getfixturevalue("tmp_path")) / "state/history.sqlite3"
    )


@pytest.fixture(scope="module")
def plain() -> Iterator[Registry]:
    """A registry without a login, over plain HTTP."""
    with registry() as running:
        yield running


@pytest.fixture(scope="module")
def private() -> Iterator[Registry]:
    """A registry with a password, over TLS."""
    with private_registry() as running:
        yield running


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Return a function that creates a project from ``{file: text}`` and loads it."""

    def make(files: Mapping[str, str]) -> Project:
        minimal = {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1.4.2"\nrequires-python = ">=3.13"\n'
        }
        return load(write_files(tmp_path / "project", minimal | dict(files)))

    return make


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine that answers; `./run` guarantees one."""
    found = connect()
    yield found
    found.sdk.close()


@pytest.fixture(scope="session")
def python_image(engine: Engine) -> str:
    """The reference of a base image with Python and a shell."""
    return base.resolve(engine, load(ROOT), say=lambda _: None).reference


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder for this test and its processes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def fake_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    """Return a function that puts a shell script first on PATH, under a program's name."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def make(name: str, script: str) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key with the password COSIGN_PASSWORD; the public key is beside it as ``cosign.pub``."""
    folder = tmp_path_factory.mktemp("key")
    command.run(
        [str(cosign.program()), "generate-key-pair"], cwd=folder, env={"COSIGN_PASSWORD": KEY_PASSWORD}
    )
    return folder / "cosign.key"


@pytest.fixture
def key(signing_key: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private key, with its password set."""
    monkeypatch.setenv("COSIGN_PASSWORD", KEY_PASSWORD)
    return signing_key


@pytest.fixture
def ship(engine: Engine, python_image: str, tmp_path: Path) -> Iterator[Ship]:
    """A small project in git."""
    with ship_project(engine, tmp_path / "project", python_image) as made:
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests that use the engine, also through other fixtures, and begin with them."""
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.live)
    items.sort(key=lambda item: item.get_closest_marker("live") is None)


@pytest.fixture(scope="session", autouse=True)
def users_names(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prove at the end that the tests left a user's tags and container of the same content alone."""
    if not any(item.get_closest_marker("live") for item in request.session.items):
        yield
        return
    sdk = connect().sdk
    repository = f"a-users-own-{uuid.uuid4().hex[:12]}"
    images = sdk.images.list(name=load(ROOT).image)
    names = [
        f"{repository}:{number}" for number, image in enumerate(images) if image.tag(repository, str(number))
    ]
    # It ends by itself if the tests are killed.
    sleep = ["-c", "import time; time.sleep(5400)"]
    run = {"entrypoint": "python3", "command": sleep, "detach": True, "name": repository, "auto_remove": True}
    run["healthcheck"] = {"test": ["NONE"]}
    containers = [sdk.containers.run(name, **run) for name in names[:1]]
    yield
    left = {tag for image in sdk.images.list(name=repository) for tag in image.tags if tag in names}
    running = sdk.containers.list(filters={"name": repository})
    for one in running:
        one.remove(force=True)
    for name in left:
        sdk.images.remove(name)
    sdk.close()
    assert sorted(left) == sorted(names), "a test removed a user's tag"
    assert len(running) == len(containers), "a test stopped a user's container"


@pytest.fixture
def python_signals() -> Iterator[None]:
    """Python's own handler of Ctrl-C for each signal that ends a command."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
