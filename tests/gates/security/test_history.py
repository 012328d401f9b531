"""Checks on instructions, and on an image's named base."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drydock.gates.expectations.model import Base
from drydock.gates.security import base, history
from drydock.gates.security.base import DIGEST, NAME, Present
from drydock.gates.security.linters import with_arguments
from drydock.image import Config, Image, Layer
from drydock.image.record import Record

EMPTY = Record("sha256:0", 0, b"")
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def layer(created_by: str, diff_id: str = "sha256:1") -> Layer:
    return Layer(diff_id, created_by, 0, 0, EMPTY)


@pytest.mark.parametrize(
    ("created_by", "check"),
    [
        ("ADD https://host/x / # buildkit", "add"),
        ("RUN /bin/sh -c apt-get update # buildkit", "update-alone"),
        ("RUN /bin/sh -c apt-get -y dist-upgrade", "upgrade"),
        ("RUN /bin/sh -c sudo apt-get install x", "sudo"),
        (f"RUN |1 TOKEN=ghp_{'a' * 36} /bin/sh -c make", "history-secret"),
    ],
)
def test_instruction_of_a_layer_is_found(created_by: str, check: str) -> None:
    assert [one.check for one in history.check_layers([layer("COPY x"), layer(created_by)])] == [check]


def test_lowest_layer_may_be_the_base_system_added() -> None:
    assert list(history.check_layers([layer("/bin/sh -c #(nop) ADD file:1 in /")])) == []


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("RUN pip install fastapi", "unverified"),
        ("RUN uv sync", "unverified"),
        ("RUN uv build --wheel", "unverified"),
        ("RUN curl https://host/install | sh", "unverified"),
        ("RUN apt-get update && apt-get upgrade -y", "update-alone"),
    ],
)
def test_unverified_download_is_found(line: str, check: str) -> None:
    found = list(history.check_dockerfile(f"FROM x\n{line}\n"))
    assert (found[0].check, found[0].subject) == (check, "line 2")


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install --require-hashes -r lock",
        "RUN uv sync --frozen",
        "RUN apt-get update && apt-get install -y --no-install-recommends x",
        "COPY sudo.py /app/",
    ],
)
def test_verified_download_is_no_finding(line: str) -> None:
    assert list(history.check_dockerfile(f"FROM x\n{line}\n")) == []


def test_a_here_document_is_checked_like_any_other_command() -> None:
    text = "FROM x\nRUN <<EOF\napt-get update\nEOF\n"
    assert [one.check for one in history.check_dockerfile(text)] == ["update-alone"]


def test_from_lines_get_the_defaults_of_global_arguments() -> None:
    text = "ARG BASE=python:3.13\nARG X\nFROM ${BASE} AS a\nARG BASE\nRUN echo $BASE\nFROM $X\n"
    wanted = "ARG BASE=python:3.13\nARG X\nFROM python:3.13 AS a\nARG BASE\nRUN echo $BASE\nFROM $X\n"
    assert with_arguments(text) == wanted


def test_one_arg_line_gives_from_lines_several_defaults() -> None:
    text = "ARG BASE=python:3.13 LAST=a\nFROM ${BASE} AS a\nFROM ${LAST}\nARG BASE=other\n"
    assert with_arguments(text) == text.replace("${BASE}", "python:3.13").replace("${LAST}", "a")


def image(labels: dict[str, str], *diff_ids: str) -> Image:
    layers = tuple(layer("", diff_id) for diff_id in diff_ids)
    return Image("x", "sha256:9", replace(Config.of({}, {}), labels=labels), layers)


LABELLED = {NAME: "python:3.13-slim", DIGEST: OLD}


def faults(labels: dict[str, str], expected: Base | None = None, present: Present | None = None) -> list[str]:
    found = base.check(
        image(labels, "sha256:1"), expected or Base(), present, targets_base=present is not None
    )
    return [finding.text for finding in found]


def test_base_must_be_named_with_a_digest() -> None:
    assert "does not name its base" in faults({})[0]
    assert f"the label {DIGEST} is missing" in faults({NAME: "python:3.13"})[0]
    assert "'sha256:1' is not a digest" in faults(LABELLED | {DIGEST: "sha256:1"})
    assert faults(LABELLED) == []


@pytest.mark.parametrize("name", ["python", "python:latest", "registry:5000/python"])
def test_base_must_name_a_version(name: str) -> None:
    assert faults(LABELLED | {NAME: name}) == ["names no version: its content changes over time"]


def test_base_must_be_an_allowed_one() -> None:
    assert faults(LABELLED, Base(names=("alpine:3", "~debian:.*"))) == ["is none of alpine:3, ~debian:.*"]
    assert "none of" in faults(LABELLED, Base(digests=(NEW,)))[0]
    assert faults(LABELLED, Base(names=("~python:3\\.13.*",), digests=(OLD,))) == []


def test_base_that_has_moved_on_is_found() -> None:
    assert faults(LABELLED, present=Present((NEW,), ())) == [
        f"is {NEW} now, and the image is built on {OLD}: build again"
    ]


def test_layers_of_the_base_must_be_the_lowest_ones() -> None:
    assert faults(LABELLED, present=Present((OLD,), ("sha256:1",))) == []
    assert "are not the image's lowest ones" in faults(LABELLED, present=Present((OLD,), ("sha256:2",)))[0]
