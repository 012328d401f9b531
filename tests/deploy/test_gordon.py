"""Gordon receives the known facts; its absence is reported."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from drydock.errors import CommandMissing
from drydock.project import Project
from drydock.report import docker_ai
from drydock.verdict import Outcome, Verdict
from tests.conftest import FakeProgram, MakeProject

Program = Callable[[str], object]


@pytest.fixture
def docker(fake_program: FakeProgram) -> Program:
    """Return a function that puts a fake docker CLI on PATH."""
    return functools.partial(fake_program, "docker")


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project({"Dockerfile": "# drydock's\nFROM python:3.13-slim\n"})


def test_the_prompt_holds_question_sizes_findings_and_dockerfile(project: Project) -> None:
    text = docker_ai.prompt(project, "What is large?", {"production": "110 MB"}, ["DL3008: pin versions"])
    for part in ("What is large?", "production 110 MB", "- DL3008: pin versions", "FROM python:3.13-slim"):
        assert part in text


def test_without_measurements_the_prompt_says_so(project: Project) -> None:
    text = docker_ai.prompt(project, "What is large?", {}, [])
    assert "Sizes: not measured" in text
    assert "- none" in text


def test_what_gates_said_becomes_lines_with_the_details_of_refusals() -> None:
    passed = Verdict("smoke", Outcome.PASSED, "8 requests", ("one", "two"))
    failed = Verdict("size_budget", Outcome.FAILED, "3 MB too much", ("numpy grew",))
    assert docker_ai.findings([passed, failed]) == [
        "smoke passed: 8 requests",
        "size_budget failed: 3 MB too much",
        "size_budget: numpy grew",
    ]


def test_without_docker_ai_standard_docker_is_used(docker: Program) -> None:
    docker("echo \"docker: 'ai' is not a docker command.\" >&2; exit 1")
    with pytest.raises(CommandMissing, match="Standard Docker is used"):
        docker_ai.require()


def test_docker_ai_is_found_by_its_help(docker: Program) -> None:
    docker('echo "Usage: docker ai [OPTIONS] [PROMPT]"')
    docker_ai.require()  # raises CommandMissing if it is not found


def test_the_command_names_the_projects_folder(project: Project) -> None:
    assert docker_ai.arguments(project, "why?") == ["docker", "ai", "-C", str(project.root), "why?"]
