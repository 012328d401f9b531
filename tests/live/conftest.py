"""Fixtures for tests against a real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drydock import base
from drydock.engine import Engine, connect
from drydock.project import load
from tests.conftest import ROOT
from tests.support.registry import Registry, private_registry, registry


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
