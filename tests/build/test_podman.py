"""Podman builds with its own program; its engine then runs, weighs, labels and pushes the image."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drydock.build import Options, builder, explain, podman
from drydock.build.builder import Builder
from drydock.build.errors import BuildFailed, DockerIsPodman, EngineTooOld, NotInContext
from drydock.engine import Engine, full_name
from drydock.engine.find import Candidate
from drydock.gates.gate import registry
from drydock.publish import cosign
from tests.conftest import FakeProgram, MakeProject, write_files
from tests.support.engine import telling
from tests.support.podman import Podman
from tests.support.podman import podman as running
from tests.support.podman import registry as serving
from tests.support.shop import PROJECT

PODMAN = {"Version": "5.4.2", "Components": [{"Name": "Podman Engine"}]}
# As Podman 5.4 prints it: `slim` waits for `builder`.
TEXT = """\
[1/3] STEP 1/2: FROM docker.io/local/python:3.13-slim AS unused
[3/3] STEP 1/3: FROM docker.io/local/python:3.13-slim AS slim
[3/3] STEP 2/3: COPY --from=builder /a /a
[2/3] STEP 1/3: FROM docker.io/local/python:3.13-slim AS builder
[2/3] STEP 2/3: ENV A=1
--> Using cache 9c2847355ea3facd292cedd738e4ce96c36abdf4fd2fbac1248bb3f194ecf089
--> 9c2847355ea3
[2/3] STEP 3/3: RUN uv sync
Downloading uvloop (4.3MiB)
--> 7b01b4c8a7aa
--> 56099daf0e79
[3/3] STEP 3/3: WORKDIR /app
--> Using cache 28f0290990570123456789abcdef0123456789abcdef0123456789abcdef0123
[3/3] COMMIT docker.io/library/shop:dev
--> 28f029099057
Successfully tagged docker.io/library/shop:dev
28f0290990570123456789abcdef0123456789abcdef0123456789abcdef0123
"""


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_podmans_text_cut_anywhere_gives_each_step_with_its_stage(size: int) -> None:
    progress = podman.Text()

    updates = [one for at in range(0, len(TEXT), size) for one in progress.feed(TEXT[at : at + size])]

    assert [(one.kind, one.step.stage, one.step.instruction) for one in updates] == [
        ("started", "slim", "COPY --from=builder /a /a"),
        ("started", "builder", "RUN uv sync"),
        ("log", "builder", "RUN uv sync"),
        ("done", "builder", "RUN uv sync"),
        ("done", "slim", "COPY --from=builder /a /a"),
        ("started", "slim", "WORKDIR /app"),
        ("done", "slim", "WORKDIR /app"),
    ]
    assert [step.cached for step in progress.steps.values()] == [False, False, True]
    assert progress.steps["2 3/3"].downloads == {"uvloop": int(4.3 * 2**20)}


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (
            "STEP 1/2: FROM scratch AS production\nSTEP 2/2: RUN false\nthe reason\n"
            'Error: building at STEP "RUN false": while running runtime: exit status 3\n',
            BuildFailed,
            "build step 'production: RUN false' failed: exit code 3",
        ),
        (
            "STEP 1/2: FROM scratch AS production\nSTEP 2/2: COPY nowhere.txt /\n"
            'Error: building at STEP "COPY nowhere.txt /": checking on sources under "/shop": '
            'copier: stat: "/nowhere.txt": no such file or directory\n',
            NotInContext,
            "Dockerfile reads nowhere.txt, which is not in the build context",
        ),
        (
            "Error: creating build container: short-name resolution failed\n",
            BuildFailed,
            "'set-up of builder podman' failed: creating build container: short-name resolution failed",
        ),
    ],
)
def test_a_failed_build_of_podman_names_its_cause(
    text: str, kind: type[Exception], said: str, tmp_path: Path
) -> None:
    progress = podman.Text()
    list(progress.feed(text))

    with telling(tmp_path, version=PODMAN) as engine:
        error = explain(engine, Builder("podman", "podman", {}), Path("Dockerfile"), progress)

    assert isinstance(error, kind)
    assert said in str(error)


def test_podman_is_told_whole_names_files_and_secrets(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project({"Dockerfile": "FROM scratch AS production\n"})
    options = Options(
        reference="shop:dev", contexts={"drydock": Path("/scripts")}, build_args={"PYTHON_IMAGE": "python:3"}
    )

    found = podman.arguments(
        project, options, ca_bundle=Path("/ca.crt"), outputs=Path("/out"), environment={}
    )

    assert found == [
        *("podman", "build", "--format=docker", "--layers", "--pull=never", "--identity-label=false"),
        *("--iidfile=/out/id", "--tag=docker.io/library/shop:dev"),
        *(f"--file={project.root}/Dockerfile", "--build-context=drydock=/scripts", "--target=production"),
        *("--secret=id=ca,src=/ca.crt", "--build-arg=PYTHON_IMAGE=python:3", str(project.root)),
    ]
    assert podman.variables(options, Path("/out")) == {}
    # A cold build has cache mounts of its own.
    assert podman.variables(options.but(no_cache=True), Path("/out")) == {"TMPDIR": "/out"}


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("shop:dev", "docker.io/library/shop:dev"),
        ("local/python:3.13-slim", "docker.io/local/python:3.13-slim"),
        ("localhost/shop", "localhost/shop"),
        ("ghcr.io/acme/shop:1", "ghcr.io/acme/shop:1"),
        ("host:5000/shop", "host:5000/shop"),
    ],
)
def test_an_images_whole_name_begins_with_its_registry(short: str, whole: str) -> None:
    assert full_name(short) == whole


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("false /var/lib/containers/storage", "podman"),
        # A client of a service elsewhere would send secrets in the build context.
        ("true /var/lib/containers/storage", "default (docker-container driver)"),
        ("false /home/a/.local/share/containers/storage", "default (docker-container driver)"),
    ],
)
def test_podmans_program_builds_only_into_the_engines_own_store(
    answer: str, found: str, fake_program: FakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    fake_program("podman", f"echo {answer}")
    info = {"DockerRootDir": "/var/lib/containers/storage"}
    with telling(tmp_path, version=PODMAN, info=info) as engine:
        assert str(builder.find(engine)) == found


def test_a_podman_without_run_network_is_refused_before_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    old = PODMAN | {"Version": "4.3.1"}
    with (
        telling(tmp_path, version=old) as engine,
        pytest.raises(EngineTooOld, match=r"error: Podman at .* is 4\.3\.1, and cannot build: .* with 5; up"),
    ):
        builder.find(engine)


def test_a_docker_command_that_is_podman_is_named_before_a_build(
    fake_program: FakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Debian's package podman-docker has it."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    path = fake_program("docker", 'exec /usr/bin/podman "$@"')
    here = Engine(Candidate("unix:///var/run/docker.sock", "a test"))
    with (
        telling(tmp_path, version={"Version": "28.5.2"}) as engine,
        pytest.raises(DockerIsPodman, match=rf"error: the command docker is Podman's \({path}\), and has no"),
    ):
        builder.find(replace(here, candidate=engine.candidate))


@pytest.mark.live
@pytest.mark.acceptance
@pytest.mark.timeout(600)
class TestReal:
    """Podman of Debian 13, and drydock beside it."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("podman")

    @pytest.fixture(scope="class")
    @classmethod
    def inside(cls, engine: Engine, python_image: str, folder: Path) -> Iterator[Podman]:
        with running(engine, python_image, folder) as made:
            yield made

    @pytest.fixture(scope="class")
    @classmethod
    def shop(cls, inside: Podman, folder: Path) -> Path:
        """A project in git, built once."""
        shop = write_files(folder / "shop", PROJECT)
        inside.run(["git", "init", "--quiet"], shop)
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        inside.run(["git", "add", "."], shop)
        inside.run(["git", *identity, "commit", "--quiet", "--message=Begin"], shop)
        inside.drydock("build", folder=shop)
        return shop

    def test_a_build_is_cached_and_weighed(self, inside: Podman, shop: Path) -> None:
        built: dict[str, Any] = json.loads(inside.drydock("build", "--json", folder=shop).stdout)

        assert built["steps"] > 10
        assert built["steps_cached"] == built["steps"]
        assert 0 < built["on_wire"] < built["on_disk"] < 150_000_000

    def test_every_gate_passes_but_the_two_that_look_elsewhere(self, inside: Podman, shop: Path) -> None:
        gates = ",".join(set(registry()) - {"audit", "cluster"})

        said = inside.drydock("gate", gates, "--target=production", "--json", folder=shop).stdout

        found = {one["gate"]: one["outcome"] for one in json.loads(said)["verdicts"]}
        assert found == dict.fromkeys(gates.split(","), "passed")

    def test_a_version_is_released_and_verified(self, inside: Podman, shop: Path, folder: Path) -> None:
        program = shutil.copy(cosign.program(), folder / "cosign")
        inside.run(["ln", "-s", str(program), "/usr/bin/cosign"], shop)
        (keys := folder / "keys").mkdir()
        words = ["env", "COSIGN_PASSWORD=only for tests", sys.executable, "-m", "drydock.cli"]
        inside.run([*words, "keys"], keys)
        with serving(inside, folder) as address:
            place = f"--registry={address}/acme"
            inside.run([*words, "release", "1.4.2", place, f"--key={keys / 'cosign.key'}"], shop)
            said = inside.run([*words, "verify", place, f"--key={keys / 'cosign.pub'}"], shop).stdout

        assert "https://slsa.dev/provenance/v1" in said

    def test_a_label_is_written_and_the_image_is_pushed(
        self, inside: Podman, shop: Path, folder: Path
    ) -> None:
        manifest = shop / "pyproject.toml"
        manifest.write_text(f'{manifest.read_text()}[tool.drydock.labels]\n"org.example.pier" = "7"\n')
        before = inside.drydock("size", "--json", folder=shop).stdout

        inside.drydock("label", "--apply", folder=shop)

        assert (
            json.loads(inside.drydock("size", "--json", folder=shop).stdout)["layers"]
            == (json.loads(before)["layers"])
        )
        with serving(inside, folder) as address:
            inside.drydock(
                "push", f"--registry={address}/acme", "--force=a test", "--allow-dirty", folder=shop
            )
            image = f"--image={address}/acme/shop:1.4.2-dirty"
            told = inside.drydock("label", image, "--json", folder=shop).stdout
        assert json.loads(told)["labels"]["org.example.pier"] == "7"

    def test_what_was_built_is_removed(self, inside: Podman, shop: Path) -> None:
        said = inside.drydock("clean", folder=shop).stdout

        assert "removed image docker.io/library/shop:dev" in said
        listed = inside.run(["podman", "images", "--format={{.Repository}}:{{.Tag}}"], shop).stdout
        assert "shop:dev" not in listed
