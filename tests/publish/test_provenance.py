from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drydock import command
from drydock.base import Base
from drydock.publish.provenance import WITHHELD, Build, public, statement
from drydock.publish.reference import parse
from drydock.publish.source import Source
from drydock.receipts import Waiver

LOCK = Path(__file__).with_name("in-toto.lock")
IMAGE = parse("registry.example/acme/todo:1.4.2@sha256:" + "ab" * 32)
SOURCE = Source(
    "0123456789abcdef0123456789abcdef01234567", False, 1_700_000_000, "https://github.com/acme/todo"
)
BASE = Base("python:3.13-slim", "sha256:" + "cd" * 32, "pulled", "pulled just now")
BUILD = Build(
    target="production",
    build_args={"PORT": "8000", "PYTHON_IMAGE": "python:3.13-slim"},
    builder="urn:drydock:engine:1",
    versions={"docker-engine": "26.1.5", "docker-buildx": "0.13.1"},
    platforms=("linux/amd64",),
    added=frozenset({"PYTHON_IMAGE"}),
)
WAIVER = Waiver("the tracker is down", ("smoke (never run for this image)",), "sha256:1", "sha256:2", 0.0)

# The in-toto project's own classes; unknown fields and wrong types are errors to their parser.
VALIDATE = """
import json, sys
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
document = json.load(sys.stdin)
Statement.copy_from_pb(json_format.ParseDict(document, Message())).validate()
found = json_format.ParseDict(document["predicate"], Provenance())
assert found.build_definition.build_type and found.build_definition.external_parameters
assert found.run_details.builder.id
"""


def validate(document: bytes) -> command.Completed:
    run = [
        str(Path(sys.executable).with_name("uv")),
        "run",
        "--quiet",
        "--isolated",
        "--no-project",
        f"--with-requirements={LOCK}",
    ]
    environment = {"UV_SYSTEM_CERTS": "1"}
    return command.run(
        [*run, "python", "-c", VALIDATE], stdin=document.decode(), env=environment, check=False
    )


def test_provenance_fits_the_schemas_of_in_toto_and_slsa() -> None:
    dirty = replace(SOURCE, dirty=True, url="")

    for document in (
        statement(IMAGE, SOURCE, BASE, BUILD),
        statement(IMAGE, dirty, replace(BASE, kind="made"), BUILD, waiver=WAIVER),
        statement(IMAGE, Source(), BASE, replace(BUILD, build_args={}, platforms=())),
    ):
        done = validate(document)
        assert (done.code, done.stderr) == (0, "")


def test_the_schemas_refuse_what_is_wrong() -> None:
    document = json.loads(statement(IMAGE, SOURCE, BASE, BUILD))
    document["predicate"]["runDetails"]["captain"] = "nobody"

    assert 'no field named "captain"' in validate(json.dumps(document).encode()).stderr


def test_provenance_names_source_base_builder_and_parameters() -> None:
    document = json.loads(statement(IMAGE, SOURCE, BASE, BUILD))

    assert document["subject"] == [{"name": "registry.example/acme/todo", "digest": {"sha256": "ab" * 32}}]
    definition = document["predicate"]["buildDefinition"]
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
    assert document["predicate"]["runDetails"]["builder"]["id"] == "urn:drydock:engine:1"


def test_a_forced_push_is_on_record() -> None:
    document = json.loads(statement(IMAGE, SOURCE, BASE, BUILD, waiver=WAIVER))

    assert document["predicate"]["buildDefinition"]["internalParameters"]["forced"] == {
        "reason": "the tracker is down",
        "missing": ["smoke (never run for this image)"],
    }


def test_a_dirty_source_is_on_record() -> None:
    document = json.loads(statement(IMAGE, replace(SOURCE, dirty=True), BASE, BUILD))

    (source, _) = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["annotations"] == {"dirty": True}


def test_equal_builds_have_equal_bytes() -> None:
    shuffled = replace(BUILD, build_args=dict(reversed(BUILD.build_args.items())))

    assert statement(IMAGE, SOURCE, BASE, shuffled) == statement(IMAGE, SOURCE, BASE, BUILD)


def test_only_a_digest_has_a_provenance() -> None:
    with pytest.raises(ValueError, match="names no digest"):
        statement(parse("todo:1"), SOURCE, BASE, BUILD)


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

    document = statement(IMAGE, SOURCE, BASE, replace(BUILD, build_args={name: text}))
    assert b"s3cret" not in document
