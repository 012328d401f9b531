from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drydock.base import Base
from drydock.build import Options
from drydock.project.git import Checkout
from drydock.publish.provenance import predicate
from drydock.publish.provenance import stated as written
from drydock.secrets import WITHHELD, public
from drydock.state.receipts import Waiver
from tests.publish.schemas import validate

SOURCE = Checkout(
    "0123456789abcdef0123456789abcdef01234567", False, 1_700_000_000, "https://github.com/acme/todo"
)
BASE = Base("python:3.13-slim", "sha256:" + "cd" * 32, "pulled", "pulled just now")
BUILD = Options(
    target="production",
    build_args={"PORT": "8000", "PYTHON_IMAGE": "python:3.13-slim"},
    platforms=("linux/amd64",),
)
BUILDER = {
    "id": "urn:drydock:engine:1",
    "version": {"docker-engine": "26.1.5", "docker-buildx": "0.13.1"},
}
WAIVER = Waiver("the tracker is down", ("smoke (never run for this image)",), "sha256:1", "sha256:2", 0.0)


def stated(source: Checkout, base: Base, build: Options, waiver: Waiver | None = None) -> bytes:
    return written(predicate(source, base, build, BUILDER, {"PYTHON_IMAGE"}), waiver)


def test_provenance_fits_the_schemas_of_in_toto_and_slsa() -> None:
    dirty = replace(SOURCE, dirty=True, url="")

    for document in (
        stated(SOURCE, BASE, BUILD),
        stated(dirty, replace(BASE, kind="made"), BUILD, WAIVER),
        stated(Checkout(), BASE, replace(BUILD, build_args={}, platforms=())),
    ):
        done = validate(document)
        assert (done.code, done.stderr) == (0, "")


def test_the_schemas_refuse_what_is_wrong() -> None:
    document = json.loads(stated(SOURCE, BASE, BUILD))
    document["runDetails"]["captain"] = "nobody"

    assert 'no field named "captain"' in validate(json.dumps(document).encode()).stderr


def test_provenance_names_source_base_builder_and_parameters() -> None:
    document = json.loads(stated(SOURCE, BASE, BUILD))

    definition = document["buildDefinition"]
    assert definition["externalParameters"] == {
        "target": "production",
        "buildArgs": {"PORT": "8000"},
        "platforms": ["linux/amd64"],
    }
    assert definition["internalParameters"] == {"buildArgs": {"PYTHON_IMAGE": "python:3.13-slim"}}
    assert definition["resolvedDependencies"] == [
        {
            "name": "source",
            "digest": {"gitCommit": SOURCE.revision},
            "uri": f"git+https://github.com/acme/todo@{SOURCE.revision}",
        },
        {
            "name": "python:3.13-slim",
            "digest": {"sha256": "cd" * 32},
            "annotations": {"kind": "pulled"},
        },
    ]
    assert document["runDetails"]["builder"]["id"] == "urn:drydock:engine:1"


def test_a_forced_push_is_on_record() -> None:
    document = json.loads(stated(SOURCE, BASE, BUILD, WAIVER))

    assert document["buildDefinition"]["internalParameters"]["forced"] == {
        "reason": "the tracker is down",
        "missing": ["smoke (never run for this image)"],
    }


def test_a_dirty_source_is_on_record() -> None:
    document = json.loads(stated(replace(SOURCE, dirty=True), BASE, BUILD))

    (source, _) = document["buildDefinition"]["resolvedDependencies"]
    assert source["annotations"] == {"dirty": True}


def test_equal_builds_have_equal_bytes() -> None:
    shuffled = replace(BUILD, build_args=dict(reversed(BUILD.build_args.items())))

    assert stated(SOURCE, BASE, shuffled) == stated(SOURCE, BASE, BUILD)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PORT", "8000", "8000"),
        ("APP_MODULE", "todo_api.main", "todo_api.main"),
        ("MONKEY", "banana", "banana"),
        ("API_KEY", "s3cret", WITHHELD),
        ("KEY", "s3cret", WITHHELD),
        ("GITHUB_TOKEN", "s3cret", WITHHELD),
        ("db_password", "s3cret", WITHHELD),
        ("NPM_AUTH", "s3cret", WITHHELD),
        ("HTTPS_PROXY", "http://ann:s3cret@proxy.example:3128/", "http://proxy.example:3128/"),
        (
            "UV_INDEX",
            "https://s3cret@a.example/x,https://b.example/y",
            "https://a.example/x,https://b.example/y",
        ),
        ("NOTE", "mail ann@example.com", "mail ann@example.com"),
    ],
)
def test_no_secret_reaches_the_provenance(name: str, text: str, expected: str) -> None:
    assert public(name, text) == expected

    document = stated(SOURCE, BASE, replace(BUILD, build_args={name: text}))
    assert b"s3cret" not in document
