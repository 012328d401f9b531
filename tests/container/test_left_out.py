"""`drydock size --left-out` lists every difference between the two images, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator

import pytest

from drydock import base
from drydock.build import Options, build
from drydock.detect.project import load
from drydock.engine import Engine
from tests.conftest import ROOT

pytestmark = pytest.mark.live

REFERENCES = {target: f"drydock-tests/left-out:{target}" for target in ("slim", "production")}
# The engine creates these in each container.
RUNTIME = ("dev", "proc", "sys", ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab")


@pytest.fixture(scope="module")
def images(engine: Engine) -> Iterator[dict[str, str]]:
    project = load(ROOT)
    found = base.resolve(engine, project)
    for target, reference in REFERENCES.items():
        build(engine, project, Options(target, reference, build_args={"PYTHON_IMAGE": found.reference}))
    yield REFERENCES
    for reference in REFERENCES.values():
        engine.sdk.images.remove(reference)


def exported(engine: Engine, reference: str) -> set[str]:
    """Return all paths of a container's exported file system."""
    container = engine.sdk.containers.create(reference)
    try:
        with tempfile.TemporaryFile() as file:
            for chunk in container.export():
                file.write(chunk)
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                names = {name.removeprefix("./").strip("/") for name in archive.getnames()}
    finally:
        container.remove(force=True)
    return {name for name in names if name and not name.startswith(RUNTIME)}


def left_out(images: dict[str, str], *options: str) -> str:
    """Return the output of `drydock size --left-out` for the two images."""
    command = [sys.executable, "-m", "drydock.cli", "size", *images.values(), "--left-out", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout


def test_the_list_holds_every_path_that_production_lacks_and_no_other(
    engine: Engine, images: dict[str, str]
) -> None:
    found = json.loads(left_out(images, "--json"))

    listed = {one["path"].strip("/") for one in found["left_out"]}
    lacking = exported(engine, images["slim"]) - exported(engine, images["production"])
    assert {path for path in listed if not path.startswith(RUNTIME)} == lacking
    assert [one for one in (*found["left_out"], *found["changed"]) if not one["reason"]] == []


def test_the_list_is_printed_by_folder_or_path_by_path(images: dict[str, str]) -> None:
    folders, paths = left_out(images), left_out(images, "--all")

    assert "/usr/bin/bash" not in folders
    assert "/usr/bin/bash" in paths
    assert folders.splitlines()[-1] == paths.splitlines()[-1]
