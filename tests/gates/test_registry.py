"""A gate is one module: the effects of its mere presence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from drydock import gates
from drydock.engine.errors import ImageMissing
from drydock.gates import closure, proof
from drydock.gates.gate import registry
from drydock.gates.run import Judgement, run
from drydock.gates.subject import Subject
from drydock.hook.watched import watched
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Workspace
from tests.conftest import ROOT, MakeProject
from tests.gates.test_budget import image_of
from tests.image.making import files_tar

NAME = "barnacles"
IMAGE = image_of(files_tar({"app/main.py": "print()\n"}))
MODULE = '''\
"""Look below the waterline."""

from drydock.gates.gate import Facts
from drydock.verdict import Outcome, Verdict

FACTS = Facts()


def judge(subject):
    return Verdict("any name", Outcome.PASSED, f"{subject.target} is clean")
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that counts as part of the package `drydock.gates`, with one module."""
    made = tmp_path / "more gates"
    made.mkdir()
    (made / f"{NAME}.py").write_text(MODULE)
    monkeypatch.setattr(gates, "__path__", [*gates.__path__, str(made)])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    closure.forget()
    yield made
    sys.modules.pop(f"drydock.gates.{NAME}", None)
    monkeypatch.undo()
    closure.forget()


class Still(Workspace):
    """A workspace with an existing image, without an engine."""

    def measured(self, _target: str) -> object:  # type: ignore[override]
        return IMAGE


class Engine:
    """The parts of an engine that a receipt names."""

    version: ClassVar = {"Version": "26.1.5"}


def test_a_module_is_a_gate_of_the_registry(folder: Path) -> None:
    gate = registry()[NAME]

    assert gate.summary == "Look below the waterline."
    assert gate.facts.targets == ("production",)


@pytest.mark.parametrize(("slim", "targets"), [("true", ("production", "slim")), ("false", ("production",))])
def test_slim_is_judged_unless_the_project_has_none(
    slim: str, targets: tuple[str, ...], make_project: MakeProject
) -> None:
    project = make_project({"drydock.toml": f"slim = {slim}\n"})
    known = registry()

    assert known["smoke"].targets(project) == targets
    assert known["parity"].concerns(project) == (slim == "true")
    assert ("smoke" in {gate.name for gate in proof.demanded("slim", project)}) == (slim == "true")


def test_a_module_without_the_shape_is_no_gate() -> None:
    assert {"budget", "closure", "gate", "run"} & registry().keys() == set()


def test_a_gate_in_one_module_runs_gets_a_receipt_and_is_demanded(
    folder: Path, make_project: MakeProject
) -> None:
    project = make_project({"Dockerfile": "# drydock's\n"})
    workspace = Still(Engine(), project)  # type: ignore[arg-type]
    gate = registry()[NAME]
    assert NAME in {one.gate for one in proof.missing(project, IMAGE, "production")}

    (judgement,) = run(gate, workspace)
    proof.keep(judgement)

    assert judgement.verdict.gate == NAME
    assert judgement.verdict.summary == "production is clean"
    kept = proof.receipt(gate, workspace, "production")
    assert kept is not None
    assert kept.verdict == judgement.verdict
    assert NAME in {one.name for one in proof.demanded("production", project)}
    assert NAME not in {one.gate for one in proof.missing(project, IMAGE, "production")}


def test_a_gate_in_one_module_is_listed_by_nox_and_watched_by_the_hook(folder: Path) -> None:
    program = (
        "import drydock.gates, sys\n"
        f"drydock.gates.__path__.append({str(folder)!r})\n"
        "from nox.__main__ import main\n"
        "sys.argv = ['nox', '--list', '--json']\n"
        "main()\n"
    )
    listed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sessions = {one["session"]: one["description"] for one in json.loads(listed.stdout)}

    assert sessions[NAME] == "Look below the waterline."
    assert NAME in {one.name for one in watched()}


def test_another_text_of_the_module_voids_its_receipt(folder: Path, make_project: MakeProject) -> None:
    project = make_project({})
    before = {name: proof.defined(gate, project, "production") for name, gate in registry().items()}
    (folder / f"{NAME}.py").write_text(MODULE.replace("clean", "spotless"))
    closure.forget()
    after = {name: proof.defined(gate, project, "production") for name, gate in registry().items()}

    assert {name for name in before if before[name] != after[name]} == {NAME}


def test_an_error_ends_a_gate_as_could_not_check(make_project: MakeProject) -> None:
    def sink(_: Subject) -> Verdict:
        raise ImageMissing(reference="shop:dev")

    sunk = replace(registry()["smoke"], name="sunk", judge=sink)
    workspace = Workspace(Engine(), make_project({"Dockerfile": "# drydock's\n"}))  # type: ignore[arg-type]
    found: list[Judgement] = list(run(sunk, workspace))

    (only,) = found
    assert only.verdict.outcome is Outcome.COULD_NOT_CHECK
    assert only.error is only.fault


def test_arguments_leave_no_receipt(folder: Path, make_project: MakeProject) -> None:
    workspace = Still(Engine(), make_project({"Dockerfile": "# drydock's\n"}))  # type: ignore[arg-type]
    (judgement,) = run(registry()[NAME], workspace, arguments=("-k", "title"))
    proof.keep(judgement)

    assert proof.receipt(registry()[NAME], workspace, "production") is None


def test_every_gate_says_what_it_does_in_one_line() -> None:
    summaries = [gate.summary for gate in registry().values()]

    assert all(text.endswith(".") for text in summaries)
    assert len(set(summaries)) == len(summaries)
