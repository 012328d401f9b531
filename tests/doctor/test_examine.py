from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drydock import doctor
from drydock.doctor.errors import MachineFails, MachineWarns
from drydock.doctor.finding import Severity, failure, ok, unknown, warning
from drydock.project.errors import NoProject
from tests.conftest import ROOT, MakeProject

WELL, UNSEEN, WORRYING, BROKEN = (
    ok("a", "fact"), unknown("b", "fact"), warning("c", "fact", "advice"), failure("d", "fact", "advice"),
)  # fmt: skip


def test_warnings_and_failures_have_exit_codes_of_their_own() -> None:
    doctor.judge([WELL, UNSEEN])
    with pytest.raises(MachineWarns, match=r"tasks may fail on this machine \(warnings above: 2\)"):
        doctor.judge([WELL, WORRYING, WORRYING])
    with pytest.raises(MachineFails, match=r"builds fail on this machine \(failures above: 1\)"):
        doctor.judge([WORRYING, BROKEN])


def test_without_an_engine_only_what_needs_none_is_looked_at(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    found = list(doctor.examine(make_project({})))

    assert [one.name for one in found] == ["context", "engine", "proxy", "certificates"]
    assert found[1].severity is Severity.FAILURE
    assert "unix:///nowhere.sock" in found[1].fact
    assert found[1].advice


@pytest.mark.live
def test_a_folder_without_a_project_leaves_the_machine_to_examine(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", "doctor", "--json"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    findings = json.loads(done.stdout)["findings"]
    assert {"engine", "disk"} < {one["name"] for one in findings}
    assert (findings[-1]["name"], findings[-1]["severity"]) == ("project", "not seen")
    assert findings[-1]["advice"] == "examine them too: `drydock doctor --project DIR`"


def test_a_project_that_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", "doctor", "--project", "nowhere"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == NoProject.exit_code


def test_a_context_that_does_not_exist_is_told(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "gone"}')
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    context, engine = list(doctor.examine(make_project({})))[:2]

    assert (context.severity, context.fact) == (Severity.FAILURE, "docker context gone, which does not exist")
    assert context.advice == "choose another one: `docker context ls`, `docker context use`"
    assert engine.fact == "docker context gone, which does not exist: no endpoint"
    assert engine.advice == "start it, or choose another one with DOCKER_HOST or `docker context use`"


def test_a_program_reads_the_findings_and_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    done = subprocess.run(
        [sys.executable, "-m", "invoke", "doctor", "--json"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == MachineFails.exit_code
    findings = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert findings["engine"]["severity"] == "failure"
    assert set(findings["engine"]) == {"name", "severity", "fact", "advice"}
