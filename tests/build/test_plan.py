from __future__ import annotations

from pathlib import Path

import pytest

from drydock.build.errors import BadDockerfile
from drydock.build.plan import Options, arguments, key_values, targets, tracing
from drydock.doctor import network
from drydock.engine import Engine
from drydock.engine.find import Candidate, buildx
from drydock.errors import BadConfiguration
from drydock.project.network import INDEX_VARIABLES, index_credentials
from tests.conftest import MakeProject


def build_arguments(
    make_project: MakeProject, options: Options, ca: Path | None = None, **environment: str
) -> list[str]:
    project = make_project({"Dockerfile": "FROM scratch AS production\n"})
    return arguments(project, options, ca_bundle=ca, outputs=Path("/out"), environment=environment)


def test_default_build_loads_the_production_target(make_project: MakeProject) -> None:
    args = build_arguments(make_project, Options(reference="shop:dev"))

    assert args[: len(buildx()) + 2] == [*buildx(), "build", "--progress=rawjson"]
    assert {"--target=production", "--tag=shop:dev", "--load"} <= set(args)
    assert "--no-cache" not in args


def test_certificates_are_a_secret_and_never_a_build_argument(make_project: MakeProject) -> None:
    args = build_arguments(make_project, Options(), ca=Path("/etc/ca.crt"))

    assert "--secret=id=ca,src=/etc/ca.crt" in args
    assert not [arg for arg in args if arg.startswith("--build-arg") and "ca.crt" in arg]


def test_several_platforms_are_not_loaded(make_project: MakeProject) -> None:
    args = build_arguments(make_project, Options(platforms=("linux/amd64", "linux/arm64")))

    assert "--platform=linux/amd64,linux/arm64" in args
    assert "--load" not in args


def test_proxy_settings_reach_the_build_in_either_case(make_project: MakeProject) -> None:
    args = build_arguments(make_project, Options(), HTTP_PROXY="http://a:1", https_proxy="http://b:2")

    assert "--build-arg=HTTP_PROXY=http://a:1" in args
    assert "--build-arg=HTTPS_PROXY=http://b:2" in args


def test_a_proxy_given_by_hand_wins_over_the_environment(make_project: MakeProject) -> None:
    options = Options(build_args={"HTTP_PROXY": "http://mine:1"})

    assert "--build-arg=HTTP_PROXY=http://mine:1" in build_arguments(
        make_project, options, HTTP_PROXY="http://a:1"
    )


def test_mount_namespace_keeps_cold_builds_away_from_the_users_caches(make_project: MakeProject) -> None:
    args = build_arguments(make_project, Options(no_cache=True, mount_namespace="cold-1"))

    assert {"--no-cache", "--build-arg=BUILDKIT_CACHE_MOUNT_NS=cold-1"} <= set(args)


def test_cache_options_and_labels_are_handed_on(make_project: MakeProject) -> None:
    options = Options(cache_from=("type=registry,ref=r/c",), cache_to=("type=inline",), labels={"a": "b"})

    args = build_arguments(make_project, options)

    wanted = {"--cache-from=type=registry,ref=r/c", "--cache-to=type=inline", "--label=a=b"}
    assert wanted <= set(args)


def test_targets_are_the_named_stages(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "ARG B=x\nFROM ${B} AS builder\nfrom --platform=linux/amd64 scratch as production\nFROM scratch\n"
    )

    assert targets(dockerfile) == ("builder", "production")


def test_a_missing_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadDockerfile, match="cannot be read"):
        targets(tmp_path / "Dockerfile")


def test_build_argument_without_value_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="--build-arg UID: no value; write KEY=VALUE"):
        key_values("--build-arg", ("UID",))


def test_no_attestation_changes_the_digest_of_equal_builds(make_project: MakeProject) -> None:
    assert "--provenance=false" in build_arguments(make_project, Options())


def test_a_package_index_goes_in_as_a_secret_and_its_password_in_no_argument(
    make_project: MakeProject,
) -> None:
    args = build_arguments(
        make_project, Options(), PIP_INDEX_URL="https://a:password@packages.example/simple"
    )

    assert "--secret=id=index,env=PIP_INDEX_URL" in args
    assert not [arg for arg in args if "password" in arg]


def test_credentials_of_named_indexes_are_a_secret_and_never_an_argument(
    make_project: MakeProject,
) -> None:
    named = {
        "UV_INDEX_CORP_USERNAME": "reader",
        "UV_INDEX_CORP_PASSWORD": "tr0ub4dor",
        "UV_INDEX_STRATEGY": "x",
    }
    args = build_arguments(make_project, Options(), **named)

    assert "--secret=id=indexes,env=DRYDOCK_INDEX_CREDENTIALS" in args
    assert "tr0ub4dor" not in " ".join(args)
    assert index_credentials(Path(), named) == (
        "UV_INDEX_CORP_PASSWORD=tr0ub4dor\nUV_INDEX_CORP_USERNAME=reader\n"
    )
    assert "indexes" not in " ".join(build_arguments(make_project, Options()))


@pytest.mark.parametrize("name", INDEX_VARIABLES)
def test_a_build_obeys_every_index_variable_that_doctor_approves(
    make_project: MakeProject, name: str
) -> None:
    address = "https://packages.example/simple"
    question = network.question(Engine(Candidate("unix:///nowhere", "a test")), "python", {name: address})

    assert question.environment["PIP_INDEX_URL"] == address
    assert f"--secret=id=index,env={name}" in build_arguments(make_project, Options(), **{name: address})


def test_a_secret_that_is_given_wins_over_the_machines_own(make_project: MakeProject) -> None:
    args = build_arguments(make_project, Options(secrets={"ca": "src=/mine.crt"}), ca=Path("/etc/ca.crt"))

    assert [arg for arg in args if arg.startswith("--secret")] == ["--secret=id=ca,src=/mine.crt"]


@pytest.mark.parametrize(
    ("reference", "name"),
    [("local/python:3.13-slim", "local/python:3.13-slim"), ("docker.io/library/python:latest", "python")],
)
def test_an_image_is_handed_over_under_the_name_that_buildkit_looks_up(
    make_project: MakeProject, reference: str, name: str
) -> None:
    project = make_project({"Dockerfile": "FROM scratch AS production\n"})
    images = {reference: "oci-layout:///base@sha256:1"}

    args = arguments(project, Options(), ca_bundle=None, outputs=Path("/out"), images=images, environment={})

    assert f"--build-context={name}=oci-layout:///base@sha256:1" in args


def test_a_build_leaves_no_trace_in_the_engine_unless_the_user_collects_them() -> None:
    assert tracing({"PATH": "/bin"}) == {"OTEL_TRACES_SAMPLER": "always_off"}
    assert tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}) == {}
