"""Fixtures for tests against a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import base, command
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.publish import cosign
from tests.conftest import ROOT
from tests.support.ship import Ship, ship_project

KEY_PASSWORD = "opens the key"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine that answers; there is always one where `./run` started the tests."""
    found = connect()
    yield found
    found.sdk.close()


@pytest.fixture(scope="session")
def python_image(engine: Engine) -> str:
    """The reference of a base image with Python and a shell."""
    return base.resolve(engine, load(ROOT), say=lambda _: None).reference


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, for the processes that it starts as well."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key, which COSIGN_PASSWORD opens; the public one lies beside it as ``cosign.pub``."""
    folder = tmp_path_factory.mktemp("key")
    command.run(
        [str(cosign.program()), "generate-key-pair"], cwd=folder, env={"COSIGN_PASSWORD": KEY_PASSWORD}
    )
    return folder / "cosign.key"


@pytest.fixture
def key(signing_key: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private key, ready for use."""
    monkeypatch.setenv("COSIGN_PASSWORD", KEY_PASSWORD)
    return signing_key


@pytest.fixture
def ship(engine: Engine, python_image: str, tmp_path: Path) -> Iterator[Ship]:
    """A small project in git."""
    with ship_project(engine, tmp_path / "project", python_image) as made:
        yield made
