"""A newer engine with containerd's store builds, weighs, judges, labels, pushes and releases the same image.

`nox` does all this on the machine's own engine; this is the second one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drydock import command, image
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates.gate import registry
from drydock.image import local
from drydock.image.cache import Cache
from drydock.project import TARGETS
from drydock.publish import engine_image
from drydock.publish.builds import open_workspace
from drydock.publish.engine_image import find
from drydock.publish.push import Permissions, push
from drydock.publish.push import registry as client_of
from drydock.publish.reference import parse
from drydock.workspace import Workspace
from tests.conftest import ROOT, write_files
from tests.image.layered import Builds, changed, refuse
from tests.support import registry as real
from tests.support.images import remove_repository
from tests.support.releases import OLD, followed, is_whole, released
from tests.support.second_engine import containerd_store, newer_buildx
from tests.support.ship import ship_project
from tests.support.shop import PROJECT

# Both engines may have to download the whole image.
pytestmark = [pytest.mark.live, pytest.mark.acceptance, pytest.mark.timeout(900)]

CHANNEL = "containerd-store"
Task = Callable[..., Any]


def move(reference: str, here: Engine, there: Engine) -> None:
    """Copy an image from one engine to another."""
    with subprocess.Popen(["docker", "--host", there.host, "load"], stdin=subprocess.PIPE) as loading:
        assert loading.stdin is not None
        for chunk in here.sdk.images.get(reference).save(named=reference):
            loading.stdin.write(chunk)
    assert loading.returncode == 0


@pytest.fixture(scope="module")
def usual(engine: Engine) -> Iterator[Workspace]:
    """Builds on the machine's own engine, under a separate name."""
    project = replace(load(ROOT), image=f"drydock-test-{uuid.uuid4().hex[:12]}")
    yield open_workspace(engine, project, channel=CHANNEL)
    remove_repository(engine, project.image)


@pytest.fixture(scope="module")
def stored(
    engine: Engine, usual: Workspace, python_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """Builds on a newer engine and buildx, with containerd's store and the same base image."""
    with containerd_store() as second, pytest.MonkeyPatch.context() as patch:
        for name, text in newer_buildx(tmp_path_factory.mktemp("docker") / "config").items():
            patch.setenv(name, text)
        move(python_image, engine, second)
        yield open_workspace(second, usual.project, channel=CHANNEL)


@pytest.fixture
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """Return a function that runs a program on an engine for a user with an empty cache."""

    def run(workspace: Workspace, *words: str) -> Any:
        folder = tmp_path_factory.mktemp("home")
        home = {name: str(folder / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME")}
        environment = {"DOCKER_HOST": workspace.engine.host, **home}
        return json.loads(command.run([sys.executable, "-m", *words], cwd=ROOT, env=environment).stdout)

    return run


def test_the_second_engine_keeps_images_in_containerd(usual: Workspace, stored: Workspace) -> None:
    drivers = [workspace.engine.sdk.info()["DriverStatus"] for workspace in (usual, stored)]

    assert [["driver-type", "io.containerd.snapshotter.v1"] in driver for driver in drivers] == [False, True]
    assert int(stored.engine.version["Version"].split(".")[0]) >= 28
    assert " 0.13." not in command.run(["docker", "buildx", "version"]).stdout


def test_both_build_the_same_layers(usual: Workspace, stored: Workspace) -> None:
    layers = [find(one.engine, one.built("production").image_id).layers for one in (usual, stored)]

    assert layers[0] == layers[1]


def test_a_change_of_source_is_read_without_save(
    stored: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(stored.engine, tmp_path / "context", Cache(tmp_path / "cache"))
    builds.read(builds.build())
    changed(builds.folder)
    reference = builds.build("two")
    whole = image.read(stored.engine, reference, cache=Cache(tmp_path / "other"))
    monkeypatch.setattr(local, "saved", refuse)

    assert builds.read(reference).layers == whole.layers


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_weighs_the_same_layer_by_layer_and_file_by_file(
    usual: Workspace, stored: Workspace, task: Task, target: str
) -> None:
    reference = usual.project.reference(target, f"{CHANNEL}-moved")
    usual.engine.sdk.api.tag(usual.built(target).image_id, *reference.split(":"))
    move(reference, usual.engine, stored.engine)

    reports = [
        task(one, "drydock.cli", "size", reference, f"--target={target}", "--json") for one in (usual, stored)
    ]

    ids = [report.pop("id") for report in reports]
    assert ids == [find(one.engine, reference).id for one in (usual, stored)]
    assert ids[0] != ids[1]
    assert reports[0] == reports[1]


def test_a_build_names_the_image_as_its_engine_does(stored: Workspace, task: Task) -> None:
    built = task(stored, "invoke", "build", "--json")

    assert built["image_id"] == find(stored.engine, built["reference"]).id
    assert built["on_disk"] == stored.measured("production").on_disk


def test_the_gate_weighs_both_targets(stored: Workspace, task: Task) -> None:
    verdicts = task(stored, "nox", "-s", "size_budget", "--", "--json")["verdicts"]

    assert [verdict["outcome"] for verdict in verdicts] == ["passed", "passed"]


def test_every_gate_passes_but_the_two_that_look_elsewhere(
    stored: Workspace, own_state: Path, tmp_path: Path
) -> None:
    """For a small project, with the machine's programs: this repository's own tests take minutes."""
    shop = write_files(tmp_path / "shop", PROJECT)
    names = set(registry()) - {"audit", "cluster"}
    words = ["drydock.cli", "gate", ",".join(names), "--target=production", f"--project={shop}", "--json"]

    done = command.run([sys.executable, "-m", *words], env={"DOCKER_HOST": stored.engine.host}, check=False)

    found = {one["gate"]: one["outcome"] for one in json.loads(done.stdout)["verdicts"]}
    assert found == dict.fromkeys(names, "passed"), done.stderr


def test_a_release_ends_with_its_tags_on_a_signed_image(
    stored: Workspace, python_image: str, key: Path, own_state: Path, tmp_path: Path
) -> None:
    with (
        ship_project(stored.engine, tmp_path / "project", python_image) as ship,
        real.registry() as running,
    ):
        digest = released(ship, running.address, OLD, key)

        assert followed(running, ship) == dict.fromkeys(("1.4.2", "1.4", "1", "latest"), digest)
        is_whole(ship, running, digest, key)


def test_a_label_changes_nothing_else(stored: Workspace) -> None:
    before = find(stored.engine, stored.built("production").image_id)
    name = stored.project.reference("production", f"{CHANNEL}-labelled")
    stored.engine.sdk.api.tag(before.id, *name.split(":"))

    engine_image.relabel(stored.engine, name, {"org.example.pier": "7"})

    after = find(stored.engine, name)
    assert after.layers == before.layers
    assert after.labels == before.labels | {"org.example.pier": "7"}


def test_a_push_sends_the_same_layers(
    usual: Workspace, stored: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[dict[str, Any]]] = []
    for workspace in (usual, stored):
        cache = Cache(tmp_path / workspace.engine.host.replace("/", "-"))
        monkeypatch.setattr("drydock.image.pack.user_cache", lambda cache=cache: cache)
        image = workspace.built("production").image_id
        with real.registry() as running:
            name = f"{running.address}/todo:1"
            pushed = push(workspace.engine, name, image=image, permissions=Permissions(dirty=True))
            with client_of(workspace.engine, parse(name)) as client:
                manifest = client.manifest("todo", pushed.digest)
        assert manifest is not None
        sent.append(manifest.document["layers"])

    # Each engine's BuildKit writes its own configuration.
    assert sent[0] == sent[1]
    assert len(sent[0]) > 0
