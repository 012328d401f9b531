from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from drydock.base import Base
from drydock.project.git import Checkout
from drydock.publish.provenance import KEY, dependencies, recorded, stated
from drydock.secrets import WITHHELD
from tests.publish.schemas import validate

SOURCE = Checkout("0123456789abcdef0123456789abcdef01234567", False, 1, "https://github.com/acme/todo")
BASE = Base("python:3.13-slim", "sha256:" + "cd" * 32, "pulled", "pulled just now")
BUILDER = "urn:drydock:engine:1"

# The metadata of buildx 0.13, without BuildKit's records.
OLD: dict[str, Any] = {
    "buildx.build.ref": "default/default/pu6aa3vh896zvoimasf9ya1xr",
    "containerimage.config.digest": "sha256:" + "ef" * 32,
}
# The metadata of later versions: SLSA provenance 0.2 in BuildKit's form, with one step of its build
# definition.
NEW: dict[str, Any] = OLD | {
    KEY: {
        "buildType": "https://mobyproject.org/buildkit@v1",
        "materials": [
            {
                "uri": "pkg:docker/python@3.13-slim?platform=linux%2Famd64",
                "digest": {"sha256": "cd" * 32},
            },
            {"uri": "https://ann:s3cret@files.example/cargo.tar", "digest": {"sha256": "12" * 32}},
        ],
        "invocation": {
            "configSource": {"entryPoint": "Dockerfile"},
            "parameters": {
                "frontend": "dockerfile.v0",
                "args": {
                    "build-arg:API_KEY": "s3cret",
                    "build-arg:PORT": "8000",
                    "build-arg:HTTPS_PROXY": "http://ann:s3cret@proxy.example:3128/",
                    "label:org.opencontainers.image.authors": "Ann",
                    "target": "production",
                },
                "locals": [{"name": "context"}, {"name": "dockerfile"}],
            },
            "environment": {"platform": "linux/amd64"},
        },
        "buildConfig": {
            "llbDefinition": [
                {
                    "id": "step0",
                    "op": {
                        "Op": {
                            "exec": {"meta": {"args": ["/bin/true"], "env": ["PATH=/bin", "API_KEY=s3cret"]}}
                        },
                        "platform": {"Architecture": "amd64", "OS": "linux"},
                    },
                }
            ],
            "digestMapping": {"sha256:" + "34" * 32: "step0"},
        },
        "metadata": {
            "buildInvocationID": "pu6aa3vh896zvoimasf9ya1xr",
            "buildStartedOn": "2026-11-21T06:00:00.5Z",
            "buildFinishedOn": "2026-11-21T06:00:21Z",
            "completeness": {"parameters": True, "environment": True, "materials": False},
            "reproducible": False,
            "https://mobyproject.org/buildkit@v1#metadata": {
                "vcs": {"revision": SOURCE.revision, "source": "https://ann:s3cret@github.com/acme/todo"}
            },
        },
    }
}


def read(metadata: dict[str, Any]) -> dict[str, Any]:
    found = recorded(metadata, BUILDER, dependencies(SOURCE, BASE))
    assert found is not None
    return found


@pytest.mark.parametrize("metadata", [{}, OLD, OLD | {KEY: {}}])
def test_a_buildx_that_does_not_tell_leaves_it_to_drydock(metadata: dict[str, Any]) -> None:
    assert recorded(metadata, BUILDER, dependencies(SOURCE, BASE)) is None


def test_what_buildkit_recorded_fits_the_schemas_of_in_toto_and_slsa() -> None:
    done = validate(stated(read(NEW)))

    assert (done.code, done.stderr) == (0, "")


def test_builder_parameters_and_times_stand_where_version_1_has_them() -> None:
    predicate = read(NEW)

    definition, run = predicate["buildDefinition"], predicate["runDetails"]
    assert definition["buildType"] == "https://mobyproject.org/buildkit@v1"
    assert definition["externalParameters"]["args"]["target"] == "production"
    assert definition["externalParameters"]["configSource"] == {"entryPoint": "Dockerfile"}
    assert definition["internalParameters"]["environment"] == {"platform": "linux/amd64"}
    assert run["builder"]["id"] == BUILDER
    assert run["metadata"] == {
        "invocationId": "pu6aa3vh896zvoimasf9ya1xr",
        "startedOn": "2026-11-21T06:00:00.5Z",
        "finishedOn": "2026-11-21T06:00:21Z",
    }


def test_the_source_is_added_and_the_base_stands_there_once() -> None:
    found = read(NEW)["buildDefinition"]["resolvedDependencies"]

    assert [entry["digest"] for entry in found] == [
        {"sha256": "cd" * 32},
        {"sha256": "12" * 32},
        {"gitCommit": SOURCE.revision},
    ]


def test_a_builder_that_names_itself_keeps_its_name() -> None:
    metadata = copy.deepcopy(NEW)
    metadata[KEY]["builder"] = {"id": "https://builds.example/1"}

    assert read(metadata)["runDetails"]["builder"]["id"] == "https://builds.example/1"


def test_a_record_in_version_1_is_taken_as_it_is() -> None:
    told = {
        "buildDefinition": {
            "buildType": "https://mobyproject.org/buildkit@v1",
            "externalParameters": {"request": {"frontend": "dockerfile.v0"}},
            "resolvedDependencies": [],
        },
        "runDetails": {"builder": {"id": ""}, "metadata": {"invocationId": "1"}},
    }

    predicate = read(OLD | {KEY: told})

    assert predicate["buildDefinition"]["externalParameters"] == {"request": {"frontend": "dockerfile.v0"}}
    assert predicate["runDetails"] == {"builder": {"id": BUILDER}, "metadata": {"invocationId": "1"}}
    assert validate(stated(predicate)).code == 0


def test_no_secret_of_the_record_reaches_the_provenance() -> None:
    predicate = read(NEW)

    assert "s3cret" not in json.dumps(predicate)
    arguments = predicate["buildDefinition"]["externalParameters"]["args"]
    assert arguments == {
        "build-arg:API_KEY": WITHHELD,
        "build-arg:PORT": "8000",
        "build-arg:HTTPS_PROXY": "http://proxy.example:3128/",
        "label:org.opencontainers.image.authors": "Ann",
        "target": "production",
    }
    (step,) = predicate["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"]
    assert step["op"]["Op"]["exec"]["meta"]["env"] == ["PATH=/bin", f"API_KEY={WITHHELD}"]
