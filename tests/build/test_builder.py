"""Which builder builds, and what one outside the engine is handed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from drydock import command
from drydock.build import COLD, Options, build, builder, remove_mounts
from drydock.build.errors import BuildFailed, EngineTooOld, NoBuilder
from drydock.engine import Engine
from drydock.engine.find import Candidate
from drydock.project import Project
from tests.conftest import FakeProgram, MakeProject
from tests.support.contained_builder import NAME as CONTAINED
from tests.support.contained_builder import contained
from tests.support.engine import telling
from tests.support.images import remove_repository
from tests.support.remote_builder import NAME, remote

HERE = Engine(Candidate("unix:///var/run/docker.sock", "a test"))
# As buildx 0.13 prints it.
INSPECTED = "Name:   {0}\nDriver: {1}\n\nNodes:\nName:     {0}0\nEndpoint: {2}\nStatus:   running\n"


@pytest.fixture
def inspected(tmp_path: Path, fake_program: FakeProgram, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker CLI that prints this file, and an empty configuration of buildx."""
    answer = tmp_path / "answer"
    fake_program("docker", f'echo "$@" > {tmp_path}/asked\ncat {answer}')
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    return answer


@pytest.mark.parametrize(
    ("version", "described", "own"),
    [
        ({"Version": "23.0.1"}, "default (docker driver)", True),
        ({"Version": "dev"}, "default (docker driver)", True),
        (
            {"Version": "5.4.2", "Components": [{"Name": "Podman Engine"}]},
            "default (docker-container driver)",
            False,
        ),
    ],
)
def test_the_engines_own_builder_is_taken_unasked(
    version: Mapping[str, Any], described: str, own: bool, inspected: Path, tmp_path: Path
) -> None:
    with telling(tmp_path, version=version) as engine:
        found = builder.find(engine)

    assert (str(found), found.own) == (described, own)
    assert not (tmp_path / "asked").exists()


def test_an_engine_without_run_network_is_refused_unless_another_builds(
    inspected: Path, tmp_path: Path
) -> None:
    inspected.write_text(INSPECTED.format("team", "kubernetes", "kubernetes:///team"))
    with telling(tmp_path, version={"Version": "20.10.24+dfsg1"}) as engine:
        with pytest.raises(
            EngineTooOld, match=r"is 20.10.24\+dfsg1, and cannot build: .* came with 23; upgrade"
        ):
            builder.find(engine)

        assert builder.find(engine, "team").driver == "kubernetes"


@pytest.mark.parametrize("way", ["option", "variable", "docker buildx use"])
def test_another_builder_is_found_however_it_was_chosen(
    way: str, inspected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspected.write_text(INSPECTED.format("team", "kubernetes", "kubernetes:///team"))
    if way == "variable":
        monkeypatch.setenv("BUILDX_BUILDER", "team")
    elif way == "docker buildx use":
        (tmp_path / "current").write_text(json.dumps({"Key": HERE.host, "Name": "team", "Global": False}))

    found = builder.find(HERE, "team" if way == "option" else "")

    assert (str(found), found.own) == ("team (kubernetes driver)", False)
    assert found.environment == {"DOCKER_HOST": HERE.host, "BUILDX_BUILDER": "team"}


def test_a_builder_inside_another_engine_is_refused(inspected: Path) -> None:
    inspected.write_text(INSPECTED.format("away", "docker", "away"))

    with pytest.raises(NoBuilder, match=r"builder away .* inside the engine of the docker context away, and"):
        builder.find(HERE, "away")


@pytest.fixture
def project(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """A project with an empty image, and an empty configuration of buildx."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    return make_project({"Dockerfile": "FROM scratch AS production\n"})


@pytest.mark.parametrize(("driver", "removed"), [("io.containerd.snapshotter.v1", False), ("overlay2", True)])
def test_a_cold_build_removes_its_mounts_where_no_step_is_forgotten_with_them(
    driver: str, removed: bool, fake_program: FakeProgram, project: Project, tmp_path: Path
) -> None:
    fake_program("docker", f'echo "$*" >> {tmp_path}/asked')
    info = {"DriverStatus": [["driver-type", driver]]}
    with telling(tmp_path, info=info) as engine:
        build(engine, project, Options(no_cache=True))

    asked = (tmp_path / "asked").read_text()
    assert "buildx build" in asked
    assert ("buildx du" in asked) is removed


@pytest.mark.live
def test_an_unknown_builder_is_refused_before_the_build(project: Project) -> None:
    with pytest.raises(NoBuilder, match='builder nobody cannot build for this engine: no builder "nobody" f'):
        build(HERE, project, Options(builder="nobody"))


@pytest.mark.live
def test_a_remote_builder_that_does_not_answer_is_refused_at_once(project: Project) -> None:
    command.run(["docker", "buildx", "create", "--name=gone", "--driver=remote", "unix:///gone.sock"])

    with pytest.raises(NoBuilder, match=r"nothing answers its remote driver at unix:///gone\.sock"):
        build(HERE, project, Options(builder="gone"))


@pytest.mark.live
def test_what_a_builders_driver_cannot_do_names_the_driver(project: Project, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"set-up of builder default \(docker driver\)' failed: .*ache"):
        build(HERE, project, Options(cache_to=(f"type=local,dest={tmp_path}/cache",)))


@pytest.mark.acceptance
@pytest.mark.usefixtures("far")
class TestRemote:
    """A real BuildKit that has neither the base nor any cache."""

    @pytest.fixture(scope="class", params=["remote", "docker-container"])
    @classmethod
    def far(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, python_image: str
    ) -> Iterator[None]:
        """Such a builder of a driver, chosen as `docker buildx use` does."""
        folder = tmp_path_factory.mktemp("far")
        here = request.param == "docker-container"
        with (
            contained(folder, python_image) if here else remote(folder) as environment,
            pytest.MonkeyPatch.context() as patch,
        ):
            for key, text in environment.items():
                patch.setenv(key, text)
            command.run(["docker", "buildx", "use", CONTAINED if here else NAME])
            yield

    @pytest.fixture
    def project(self, make_project: MakeProject, python_image: str) -> Project:
        """Its production starts from an image that only the engine has, and fills a cache mount."""
        lines = (
            f"ARG PYTHON_IMAGE={python_image}",
            "FROM ${PYTHON_IMAGE} AS production",
            "RUN --network=none --mount=type=cache,target=/c python3 -c \"open('/c/n', 'w')\"",
            "COPY unique /",
        )
        # A file of an earlier test would come from the engine's cache, with its older time.
        return make_project({"Dockerfile": "\n".join(lines) + "\n", "unique": uuid.uuid4().hex})

    def test_it_builds_on_the_engines_base_and_the_engine_gets_the_same_layers(
        self, engine: Engine, project: Project, python_image: str
    ) -> None:
        name = f"drydock-test-{uuid.uuid4().hex[:12]}"
        options = Options(reference=f"{name}:far", base=python_image, build_args={"SOURCE_DATE_EPOCH": "9"})
        try:
            first = build(engine, project, options)
            again = build(engine, project, options)
            here = build(engine, project, options.but(builder="default", reference=f"{name}:near"))
            made, own = (engine.sdk.images.get(one.image_id) for one in (first, here))
            base = engine.sdk.images.get(python_image).attrs["RootFS"]["Layers"]
        finally:
            remove_repository(engine, name)

        assert made.tags == [f"{name}:far"]
        assert made.attrs["RootFS"]["Layers"][: len(base)] == base
        assert made.attrs["RootFS"]["Layers"][-1] == own.attrs["RootFS"]["Layers"][-1]
        assert made.attrs["Config"] == own.attrs["Config"]
        assert (first.cached, again.cached, again.image_id) == (0, 2, first.image_id)

    def test_its_cache_is_kept_in_a_folder(
        self, engine: Engine, project: Project, python_image: str, tmp_path: Path
    ) -> None:
        folder = tmp_path / "cache"
        options = Options(base=python_image, cache_to=(f"type=local,dest={folder}",))
        build(engine, project, options)
        command.run(["docker", "buildx", "prune", "--force", "--all"])

        again = build(engine, project, Options(base=python_image, cache_from=(f"type=local,src={folder}",)))

        assert again.cached == len(again.steps)

    def test_a_cold_builds_mounts_are_removed_from_it(
        self, engine: Engine, project: Project, python_image: str
    ) -> None:
        namespace = f"{COLD}{uuid.uuid4().hex}"
        build(engine, project, Options(base=python_image, no_cache=True, mount_namespace=namespace))

        assert remove_mounts(builder.find(engine, "default"), namespace) == set()
        assert remove_mounts(builder.find(engine), namespace) == {namespace}
