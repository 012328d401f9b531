from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from docker.errors import NotFound
from docker.models.containers import ContainerCollection

from drydock.build import Options, build
from drydock.build.clean import clean, development
from drydock.engine import LABEL, PROJECT_LABEL, Engine
from drydock.engine.runtime import Run, started
from tests.conftest import MakeProject

pytestmark = pytest.mark.live

WAIT = ("python3", "-c", "input()")


def test_clean_removes_what_drydock_made_for_the_project_and_nothing_else(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    name = f"drydock-test-{uuid.uuid4().hex[:12]}"
    project = make_project(
        {
            "pyproject.toml": f'[project]\nname = "{name}"\n',
            "Dockerfile": f"FROM {python_image} AS production\nLABEL test={name}\n",
        }
    )
    labels = {PROJECT_LABEL: project.image}
    options = Options(reference=project.reference("production"), labels=labels)
    replaced = build(engine, project, options.but(labels={**labels, "older": "yes"})).image_id
    built = build(engine, project, options)
    engine.sdk.images.get(f"{name}:dev").tag(name, "1.0")
    theirs = engine.sdk.containers.create(built.image_id, name=name)
    other = {LABEL: "run", PROJECT_LABEL: f"{name}-other"}
    foreign = engine.sdk.containers.create(python_image, labels=other)
    (project.state / "receipts").mkdir(parents=True)
    try:
        with started(engine, Run(built.image_id, command=WAIT)) as running:
            removed = list(clean(engine, project))
            left = {one.name for one in engine.sdk.containers.list(all=True, ignore_removed=True)}

            assert running.container.name not in left
        assert {theirs.name, foreign.name} <= left
        assert f"image {name}:dev" in removed
        assert engine.sdk.images.list(filters={"label": f"{PROJECT_LABEL}={name}", "dangling": True}) == []
        assert sum(line.startswith("image sha256:") for line in removed) == 1, replaced
        assert [tag for image in engine.sdk.images.list(name=name) for tag in image.tags] == [f"{name}:1.0"]
        assert not project.state.exists()
        assert list(clean(engine, project)) == []
    finally:
        theirs.remove(force=True)
        foreign.remove(force=True)
        engine.sdk.images.remove(f"{name}:1.0")


def test_a_container_that_ends_while_it_is_listed_stops_nothing(
    engine: Engine, python_image: str, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project({"pyproject.toml": f'[project]\nname = "drydock-test-{uuid.uuid4().hex[:8]}"\n'})
    labels = {LABEL: "run", PROJECT_LABEL: project.image}
    container = engine.sdk.containers.create(python_image, labels=labels)

    def gone(_: ContainerCollection, name: str) -> NoReturn:
        raise NotFound(name)

    monkeypatch.setattr(ContainerCollection, "get", gone)
    try:
        assert list(clean(engine, project)) == []
    finally:
        container.remove()


def test_images_under_podmans_names_are_development_too() -> None:
    image = SimpleNamespace(tags=["docker.io/library/shop:dev", "localhost/shop:dev-slim", "shop:1.0"])
    engine: Any = SimpleNamespace(sdk=SimpleNamespace(images=SimpleNamespace(list=lambda **_: [image])))
    project: Any = SimpleNamespace(image="shop")

    assert development(engine, project) == {"docker.io/library/shop:dev", "localhost/shop:dev-slim"}
