"""`init`'s files make an image that starts, answers and stops, on a real engine."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates import smoke
from drydock.project import Project, ca_bundle
from drydock.publish.builds import open_workspace
from tests.conftest import write_files
from tests.detect.support import materialise
from tests.support.images import remove_repository
from tests.support.subjects import subject

pytestmark = [pytest.mark.live, pytest.mark.acceptance]


@pytest.fixture
def image_name(engine: Engine) -> Iterator[str]:
    """A unique name; its images are removed afterwards."""
    name = f"init-{uuid.uuid4().hex[:12]}"
    yield name
    remove_repository(engine, name)


def named(folder: Path, image: str) -> Project:
    return dataclasses.replace(load(folder), image=image)


@pytest.mark.parametrize(
    "shape",
    [
        # locked by its own tool
        "lock_poetry",
        # installed as a package, with a version from git
        "install_version_from_git",
        # compiled against libpq, which the final image needs
        "system_packages",
        # a database beside the code, in a read-only file system
        "writes_sqlite",
    ],
)
def test_what_init_writes_builds_starts_and_answers(
    shape: str, image_name: str, engine: Engine, tmp_path: Path
) -> None:
    folder = materialise(shape, tmp_path / shape)
    recipe.init(folder, {})
    project = named(folder, image_name)

    built = open_workspace(engine, project).built("production")
    verdict = smoke.judge(subject(engine, project, built.image_id))

    assert verdict.passed, f"{verdict.summary}\n{verdict.evidence}"


@pytest.mark.parametrize("vendor", [True, False])
def test_what_init_writes_is_built_by_docker_alone(
    vendor: bool, image_name: str, python_image: str, tmp_path: Path
) -> None:
    folder = materialise("lock_pdm", tmp_path / "shop")
    # BuildKit refuses a whole ignore file for one pattern that Go does not know.
    odd = ["*.py[cod]", "[!a]bc[-_]*", "x[", "y\\", "/[Bb]in/", "!keep[a-c]", "**/deep/*", "[a-]"]
    write_files(folder, {".gitignore": "\n".join(odd)})
    recipe.init(folder, {}, vendor=vendor)
    command = [sys.executable, "-m", "drydock.cli", "scripts"]
    scripts = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    contexts = [] if vendor else [f"--build-context=drydock={scripts}"]
    secret = [f"--secret=id=ca,src={bundle}"] if (bundle := ca_bundle()) else []

    for target in ("slim", "test"):
        plain = [
            "docker",
            "build",
            "--quiet",
            f"--target={target}",
            f"--tag={image_name}:{target}",
            *secret,
            *contexts,
        ]
        subprocess.run([*plain, f"--build-arg=PYTHON_IMAGE={python_image}", str(folder)], check=True)

    check = subprocess.run(["docker", "run", "--rm", f"{image_name}:slim", "check"], check=False)
    assert check.returncode == 0
