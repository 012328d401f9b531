"""A base with the official image's layout, and both images on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from drydock import command
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.publish.builds import open_workspace
from drydock.workspace import Workspace
from tests.conftest import ROOT
from tests.container import test_production as facts
from tests.support.images import remove_reference

BASES = "local/official-layout"
CHANNEL = "official-layout"


@pytest.fixture(scope="session")
def official_base(engine: Engine, python_image: str) -> str:
    """The base's reference; the engine keeps it until its ingredients change."""
    folder = Path(__file__).parent
    origin = engine.sdk.images.get(python_image).id
    content = hashlib.sha256((folder / "Dockerfile").read_bytes() + origin.encode()).hexdigest()
    reference = f"{BASES}:{content[:12]}"
    try:
        engine.sdk.images.get(reference)
    except docker.errors.ImageNotFound:
        build = ["docker", "buildx", "build", "--load", f"--tag={reference}"]
        args = [f"--build-arg=PYTHON_IMAGE={python_image}", str(folder)]
        command.run([*build, *args], env=engine.environment)
        for older in {tag for image in engine.sdk.images.list(BASES) for tag in image.tags} - {reference}:
            remove_reference(engine, older)
    return reference


@pytest.fixture(scope="session")
def workspace(engine: Engine, official_base: str) -> Iterator[Workspace]:
    """Builds on that base, under separate references."""
    project = replace(load(ROOT), base=official_base)
    yield open_workspace(engine, project, channel=CHANNEL)
    for target in ("production", "slim"):
        remove_reference(engine, project.reference(target, CHANNEL))


@pytest.fixture(scope="session", autouse=True)
def compiled_without_ndbm() -> Iterator[None]:
    """Expect no _dbm: the base is compiled without the headers of a dbm library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "FOREIGN", facts.FOREIGN | {"_dbm"})
        yield
