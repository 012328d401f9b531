"""One name for several platforms: separate builds, pushed as an index."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock.base import make
from drydock.engine import Engine
from drydock.gates.errors import GateFailed
from drydock.publish.push import registry as client_of
from drydock.publish.reference import parse
from tests.conftest import ROOT
from tests.support import registry as real
from tests.support.images import remove_reference, remove_repository
from tests.support.ship import Ship, ship_project

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("own_state")]

BOTH = "--platform=linux/amd64,linux/arm64"


@pytest.fixture
def made(engine: Engine, tmp_path: Path) -> Iterator[Ship]:
    """A project with a base for each platform."""
    with (
        real.tiny_image(engine, platform="linux/amd64") as base,
        real.tiny_image(engine, platform="linux/arm64") as other,
        ship_project(engine, tmp_path / "project", base) as ship,
    ):
        engine.sdk.images.get(other).tag(make.reference(base, "linux/arm64"))
        yield ship


def invoke(ship: Ship, *args: str) -> dict[str, list[dict[str, str]]]:
    """Run a task on a project and return its JSON output."""
    command = [sys.executable, "-m", "invoke", *args, "--project", str(ship.root), "--json"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


def test_builds_for_two_platforms_are_pushed_as_an_index(
    engine: Engine, plain: real.Registry, made: Ship
) -> None:
    built = invoke(made, "build", BOTH)["builds"]
    pushed = invoke(made, "push", BOTH, "--registry", plain.address, "--force", "a test")["pushed"]

    assert [one["reference"] for one in built] == [
        f"{made.name}:dev-linux-amd64",
        f"{made.name}:dev-linux-arm64",
    ]
    assert set(plain.tags(made.name).values()) == {pushed[0]["digest"]}
    target = parse(pushed[0]["reference"])
    with client_of(engine, target) as client:
        index = client.manifest(target.repository, target.tag)
        assert index is not None
        images = [client.manifest(target.repository, one["digest"]) for one in index.document["manifests"]]
    assert [one["platform"]["architecture"] for one in index.document["manifests"]] == ["amd64", "arm64"]
    assert [image.config for image in images if image] == [one["image_id"] for one in built]


def test_a_gate_judges_the_image_of_one_platform_by_its_own_budget(made: Ship) -> None:
    gate = [sys.executable, "-m", "drydock.cli", "gate", "size_budget", "--target=production", "--quiet"]
    with (made.root / "pyproject.toml").open("a") as manifest:
        manifest.write('[tool.drydock.budgets]\n"production linux/arm64" = { on-disk-mb = 0.00001 }\n')

    codes = {
        platform: subprocess.run(
            [*gate, f"--platform={platform}"], cwd=made.root, check=False, capture_output=True
        ).returncode
        for platform in ("", "linux/amd64", "linux/arm64")
    }

    assert codes == {"": 0, "linux/amd64": 0, "linux/arm64": GateFailed.exit_code}
    tags = {tag for image in made.engine.sdk.images.list(name=made.name) for tag in image.tags}
    assert tags == {f"{made.name}:dev{platform}" for platform in ("", "-linux-amd64", "-linux-arm64")}


def test_the_engine_pulls_its_own_platform_of_an_index(
    engine: Engine, plain: real.Registry, made: Ship
) -> None:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[engine.sdk.info()["Architecture"]]
    built = invoke(made, "build", BOTH)["builds"]
    own = next(one["image_id"] for one in built if one["reference"].endswith(machine))
    pushed = invoke(made, "push", BOTH, "--registry", plain.address, "--force", "a test")["pushed"]
    remove_repository(engine, made.name)

    pulled = engine.sdk.images.pull(pushed[0]["reference"])
    try:
        assert pulled.id == own
    finally:
        remove_reference(engine, pushed[0]["reference"])
