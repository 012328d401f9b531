"""What a Dockerfile takes, as BuildKit tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.build.outline import Taken, outline
from drydock.engine import Engine
from drydock.engine.find import Candidate
from tests.conftest import FakeProgram

DOCKERFILE = """\
ARG BASE=scratch
FROM ${BASE} AS base
# TOKEN is for the index
ARG TOKEN
RUN --mount=type=secret,id=pip,required --mount=type=ssh,id=git --mount=type=cache,target=/c true
FROM base
ARG PORT=8000
"""
HERE = Engine(Candidate("unix:///var/run/docker.sock", "a test"))
TAKEN = [
    Taken("build argument", "BASE", 1, default="scratch"),
    Taken("build argument", "TOKEN", 4, description="is for the index"),
    Taken("build argument", "PORT", 7, default="8000"),
    Taken("build secret", "pip", 5, required=True),
    Taken("SSH agent", "git", 5),
]


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    path = tmp_path / "own.Dockerfile"
    path.write_text(DOCKERFILE)
    return path


@pytest.mark.live
def test_an_outline_has_arguments_secrets_and_agents_with_their_lines(
    engine: Engine, dockerfile: Path
) -> None:
    assert outline(engine, dockerfile) == TAKEN


@pytest.mark.live
def test_a_missing_base_is_the_reason(engine: Engine, dockerfile: Path) -> None:
    dockerfile.write_text("FROM localhost:1/missing\nARG TOKEN\n")

    reason = outline(engine, dockerfile)

    assert "localhost:1/missing" in str(reason)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'unknown flag: --call' >&2; echo 'unknown flag: --print' >&2; exit 1", "has no outline"),
        ("echo 'ERROR: no such builder' >&2; exit 1", "no such builder"),
        ("echo something else", "something else"),
    ],
)
def test_buildx_without_an_outline_is_not_asked(
    fake_program: FakeProgram, dockerfile: Path, script: str, reason: str
) -> None:
    fake_program("docker", script)

    assert reason in str(outline(HERE, dockerfile))


def test_newer_buildx_is_asked_in_its_own_words(
    fake_program: FakeProgram, dockerfile: Path, tmp_path: Path
) -> None:
    fake_program("docker", f"""echo "$@" >> {tmp_path}/asked; echo '{{"args": null}}'""")

    assert outline(HERE, dockerfile) == []

    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert f"buildx build --call=outline,format=json --file={dockerfile} " in asked


def test_what_is_taken_reads_as_a_setting_does() -> None:
    assert [str(one) for one in TAKEN] == [
        "BASE, default scratch",
        "TOKEN, optional: is for the index",
        "PORT, default 8000",
        "pip, required",
        "git, optional",
    ]
