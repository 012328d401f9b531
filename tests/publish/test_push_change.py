"""Bytes on the wire for a change of this repository's backend: the real image to a real registry."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from drydock.build import Options
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.publish.builds import open_workspace
from drydock.publish.engine_image import find
from drydock.publish.push import Permissions, push
from tests.conftest import ROOT
from tests.support import registry as real
from tests.support.images import remove_repository

# A build of the image may have to download its parts.
pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

MOST_BYTES = 300_000
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def repository(engine: Engine) -> Iterator[str]:
    """The tests' image name on the engine."""
    name = f"drydock-test-change-{uuid4().hex[:12]}"
    yield name
    remove_repository(engine, name)


@pytest.fixture(scope="module")
def original(engine: Engine, repository: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The production image of the current backend."""
    return build(engine, repository, "original", tmp_path_factory.mktemp("original"))


def build(engine: Engine, repository: str, tag: str, folder: Path, change: Change = lambda _: None) -> str:
    """Build the production image of a changed copy of this repository, and return its reference."""
    context = folder / "context"
    for name in ("backend", "drydock/container"):
        shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, context / name)
    change(context)
    reference = f"{repository}:{tag}"
    open_workspace(engine, load(ROOT)).build(Options("production", reference, context=context))
    return reference


def add_a_line(context: Path) -> None:
    """Change one source file of the application."""
    with (context / "backend/todo_api/main.py").open("a", encoding="utf-8") as file:
        file.write("\n# One line more.\n")


def add_a_dependency(context: Path) -> None:
    """Add one small distribution without dependencies to the lock file."""
    found = re.search(r"^iniconfig==.*\n(?: .*\n)+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert found is not None
    with (context / "backend/requirements.lock").open("a", encoding="utf-8") as file:
        file.write(found.group())


def test_a_push_after_a_source_change_sends_less_than_300_kilobytes(
    engine: Engine, plain: real.Registry, repository: str, original: str, tmp_path: Path
) -> None:
    changed = build(engine, repository, "source", tmp_path, add_a_line)
    leave = Permissions(dirty=True)
    with real.road(plain) as road:
        first = push(engine, f"{road.address}/todo:1", image=original, permissions=leave)
        before = road.bytes
        second = push(engine, f"{road.address}/todo:2", image=changed, permissions=leave)
        sent = road.bytes - before

    assert second.digest != first.digest
    assert 0 < second.uploaded < sent < MOST_BYTES
    assert second.layers_sent < second.layers_existing


def test_a_source_change_leaves_the_layers_below(
    engine: Engine, repository: str, original: str, tmp_path: Path
) -> None:
    old = find(engine, original).layers
    new = find(engine, build(engine, repository, "source", tmp_path, add_a_line)).layers

    changed = [number for number, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    assert changed == [changed[0]]
    # At least runtime and dependencies.
    assert changed[0] >= 2


def test_a_changed_dependency_leaves_the_runtime_and_the_application(
    engine: Engine, repository: str, original: str, tmp_path: Path
) -> None:
    old = find(engine, original).layers
    new = find(engine, build(engine, repository, "dependency", tmp_path, add_a_dependency)).layers

    changed = [number for number, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    assert changed == [1]
