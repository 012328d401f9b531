"""External tools: their answers are read, and any failure counts as a check that did not run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from drydock import programs
from drydock.build import Options
from drydock.command import Completed
from drydock.engine import Engine
from drydock.gates import tools
from drydock.gates.expectations.model import ExpectedCommand
from drydock.gates.security import expected, linters
from drydock.gates.subject import Subject
from drydock.programs.errors import ToolNotInstalled
from drydock.workspace import Workspace
from tests.conftest import FakeProgram, MakeProject
from tests.support.engine import telling

HADOLINT = [{"code": "DL3008", "line": 3, "message": "Pin versions", "level": "warning"}]
FAILED = {"check_id": "CKV_DOCKER_2", "check_name": "HEALTHCHECK", "file_line_range": [4, 5]}
CHECKOV = {"results": {"failed_checks": [FAILED]}, "summary": {"passed": 27}}
TRIVY = {
    "Results": [
        {
            "Type": "dockerfile",
            "MisconfSummary": {"Successes": 26},
            "Misconfigurations": [
                {"ID": "DS-0002", "Message": "root", "Severity": "HIGH", "Status": "FAIL"},
                {"ID": "DS-0026", "Message": "fine", "Severity": "LOW", "Status": "PASS"},
            ],
        }
    ]
}


def program(folder: Path, output: str, code: int = 0) -> Path:
    """Write a fake tool that prints an output."""
    path = folder / "tool"
    path.write_text(f"#!{sys.executable}\nimport sys\nprint({output!r})\nsys.exit({code})\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch\n")
    return path


@pytest.mark.parametrize(
    ("lint", "output", "code", "finding", "checks"),
    [
        (linters.hadolint, HADOLINT, 1, "DL3008 line 3: Pin versions", 0),
        (linters.checkov, CHECKOV, 1, "CKV_DOCKER_2 line 4: HEALTHCHECK", 28),
        (linters.checkov, [CHECKOV], 1, "CKV_DOCKER_2 line 4: HEALTHCHECK", 28),
        (linters.trivy_config, TRIVY, 0, "DS-0002 line 1: root", 28),
    ],
)
def test_answer_is_read(
    monkeypatch: pytest.MonkeyPatch, dockerfile: Path, tmp_path: Path, lint, output, code, finding, checks
) -> None:
    path = program(tmp_path, json.dumps(output), code)
    monkeypatch.setattr(tools, "tool", lambda *_: path)
    report = lint(dockerfile, lambda _: None)
    assert [str(one) for one in report.findings] == [finding]
    assert (report.checks, report.faults) == (checks, ())


@pytest.mark.parametrize(
    ("output", "code", "fault"),
    [
        ("", 2, "checkov exited with 2: no output"),
        ("Killed", 137, "checkov exited with 137: Killed"),
        ("not JSON", 0, "the answer of checkov cannot be read"),
        ('{"passed": 0, "failed": 0}', 0, "checkov checked nothing"),
        ("[]", 0, "checkov checked nothing"),
    ],
)
def test_tool_that_did_not_check_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, dockerfile: Path, tmp_path: Path, output: str, code: int, fault: str
) -> None:
    path = program(tmp_path, output, code)
    monkeypatch.setattr(tools, "tool", lambda *_: path)
    report = linters.checkov(dockerfile, lambda _: None)
    assert report.findings == ()
    assert report.faults[0].startswith(fault)


def test_tool_keeps_its_bytecode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (path := tmp_path / "tool").write_text('#!/bin/sh\necho "<$PYTHONDONTWRITEBYTECODE>"\n')
    path.chmod(0o755)
    monkeypatch.setattr(tools, "tool", lambda *_: path)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert tools.run("checkov", [], lambda _: None).stdout == "<>\n"


def test_tool_that_cannot_be_installed_is_a_fault(monkeypatch: pytest.MonkeyPatch, dockerfile: Path) -> None:
    def refuse(*_: object) -> Path:
        raise ToolNotInstalled(tool="hadolint", reason="no network")

    monkeypatch.setattr(tools, "tool", refuse)
    report = linters.hadolint(dockerfile, lambda _: None)
    assert "hadolint is not available: hadolint could not be installed: no network" in report.faults[0]


def test_real_hadolint_finds_the_fault_of_a_dockerfile(dockerfile: Path) -> None:
    dockerfile.write_text("FROM debian:latest\nRUN cd /tmp\n")
    report = linters.hadolint(dockerfile, lambda _: None)
    assert report.faults == ()
    assert {"DL3007", "DL3003"} <= {finding.check for finding in report.findings}


def test_version_of_a_tool_is_the_locked_one() -> None:
    assert programs.version("hadolint").startswith("2.")


def commands(item: ExpectedCommand, done: Completed | str) -> list[str]:
    return [finding.text for finding in expected.run_commands((item,), "production", lambda _: done)]


def test_command_is_held_against_code_and_both_streams() -> None:
    item = ExpectedCommand(
        ("x",), stdout=("^yes$",), stdout_lacks=("no",), stderr=("fine",), stderr_lacks=("Traceback",)
    )
    assert commands(item, Completed((), 0, "yes\n", "fine")) == []
    assert commands(item, Completed((), 3, "no", "Traceback")) == [
        "exited with 3, not 0: Traceback",
        "nothing matches '^yes$' in 'no'",
        "'no' matches 'no'",
        "nothing matches 'fine' in 'Traceback'",
        "'Traceback' matches 'Traceback'",
    ]
    assert commands(item, "did not end within 60 s") == ["did not end within 60 s"]
    assert commands(ExpectedCommand(("x",), targets=("slim",)), "did not end") == []


# As buildx 0.29.1 prints it with engine 28.5.2; it exits with 1 when there are warnings.
WARNED = {
    "warnings": [
        {
            "ruleName": "StageNameCasing",
            "description": "Stage names should be lowercase",
            "detail": "Stage name 'Base' should be lowercase",
            "location": {"ranges": [{"start": {"line": 1}, "end": {"line": 1}}]},
        }
    ]
}


@pytest.mark.parametrize(
    ("script", "findings", "notes"),
    [
        (f"echo '{json.dumps(WARNED).replace(chr(39), chr(39) * 2)}'; exit 1", 1, ()),
        ("echo '{\"warnings\": null}'", 0, ()),
        ("echo 'unknown flag: --call' >&2; exit 125", 0, "the buildx plugin is older than 0.15"),
        (
            "echo 'ERROR: failed to solve: unsupported request frontend.lint' >&2; exit 1",
            0,
            "the BuildKit of default (docker driver) is older than 0.14",
        ),
        ("echo 'ERROR: it rains' >&2; exit 1", 0, "ERROR: it rains"),
    ],
)
def test_buildkits_own_warnings_are_findings_where_it_has_any(
    script: str,
    findings: int,
    notes: str,
    tmp_path: Path,
    make_project: MakeProject,
    fake_program: FakeProgram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_program("docker", script)
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    monkeypatch.setattr(Subject, "options", lambda _: Options())
    project = make_project({"Dockerfile": "# drydock's\nFROM scratch AS production\n"})

    with telling(tmp_path) as engine:
        report = linters.buildkit(Subject(Workspace(engine, project), "production"))

    assert [(one.check, one.subject) for one in report.findings] == [("StageNameCasing", "line 1")] * findings
    assert report.notes == ((f"docker build --check was not asked: {notes}",) if notes else ())
    assert report.faults == ()


@pytest.mark.live
def test_the_engine_here_is_asked_or_the_verdict_says_why_not(
    engine: Engine, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project({"Dockerfile": "# drydock's\nFROM scratch AS Base\nFROM base AS production\n"})
    monkeypatch.setattr(Subject, "options", lambda _: Options())

    report = linters.buildkit(Subject(Workspace(engine, project), "production"))

    assert [one.check for one in report.findings] == ["StageNameCasing"] or "is older than" in report.notes[0]
