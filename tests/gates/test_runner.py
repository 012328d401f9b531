from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from drydock import programs
from drydock.detect.project import load
from drydock.errors import BadConfiguration, DrydockError
from drydock.gates.errors import CouldNotCheck, GateFailed, UnknownGate
from drydock.gates.gate import registry
from drydock.gates.proof import defined
from drydock.gates.run import refusal
from drydock.report import gates as shown
from drydock.sessions import parse
from drydock.verdict import Outcome, Verdict
from tests.conftest import MakeProject

GATES = registry()


def test_arguments_that_are_not_drydocks_go_to_pytest() -> None:
    found = parse(GATES["container_tests"], ["--target", "slim", "-k", "title", "--project", "shop"])

    assert (found.targets, found.project, found.arguments) == (["slim"], Path("shop"), ["-k", "title"])


@pytest.mark.parametrize(
    ("given", "how"),
    [
        ("--fast", "use one of --project, --target, --platform, --json, --quiet"),
        ("--taget", "did you mean `--target`?"),
    ],
)
def test_a_gate_without_arguments_of_its_own_refuses_unknown_ones(given: str, how: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse(GATES["smoke"], [given])

    assert str(caught.value) == f"error: nox -s smoke --: unknown argument {given}; {how}"


@pytest.mark.parametrize(
    ("outcome", "error", "line"),
    [
        (Outcome.FAILED, GateFailed, "error: audit: jinja2 2.10; "),
        (Outcome.COULD_NOT_CHECK, CouldNotCheck, "error: audit could not check: jinja2 2.10; "),
    ],
)
def test_a_gate_that_could_not_look_differs_from_one_that_refuses(
    outcome: Outcome, error: type[DrydockError], line: str
) -> None:
    fault = refusal(Verdict("audit", outcome, "jinja2 2.10"))

    assert type(fault) is error
    # "The lines above" are named only if there are some.
    assert str(fault) == f"{line}see it again with `drydock gate audit`"
    shown = refusal(Verdict("audit", outcome, "jinja2 2.10", details=("CVE-2019-10906",)))
    assert str(shown) == f"{line}fix what the lines above show, and see it again with `drydock gate audit`"


def test_an_unknown_gate_lists_the_known_ones() -> None:
    with pytest.raises(UnknownGate) as caught:
        shown.find("size")

    assert "there is no gate 'size'; choose one of container_tests, size_budget" in str(caught.value)


def test_without_a_target_a_gate_judges_those_that_the_project_has(make_project: MakeProject) -> None:
    gate, project = GATES["size_budget"], make_project({})

    assert parse(gate, []).targets == []
    assert gate.targets(replace(project, slim=True)) == ("production", "slim")
    assert gate.targets(replace(project, slim=False)) == ("production",)


def test_changed_tests_make_a_receipt_worthless(make_project: MakeProject) -> None:
    gate = GATES["container_tests"]
    before = defined(gate, make_project({"tests/test_a.py": "def test_a(): pass\n"}), "production")

    after = defined(gate, make_project({"tests/test_a.py": "def test_a(): assert 0\n"}), "production")

    assert before.definition != after.definition


def test_a_lowered_budget_makes_a_receipt_worthless(make_project: MakeProject) -> None:
    manifest = '[project]\nname = "shop"\n[tool.drydock.budgets]\nslim = { on-disk-mb = %s }\n'
    gate = GATES["size_budget"]
    before = defined(gate, make_project({"pyproject.toml": manifest % 300}), "slim")

    assert defined(gate, make_project({"pyproject.toml": manifest % 200}), "slim") != before


def test_another_checkout_of_the_same_files_shares_receipts(
    tmp_path: Path, make_project: MakeProject
) -> None:
    project = make_project({"Dockerfile": "# drydock's\nFROM scratch AS production\n"})
    shutil.copytree(project.root, tmp_path / "elsewhere")
    again = load(tmp_path / "elsewhere")

    gate = GATES["build_cache"]
    assert defined(gate, project, "production") == defined(gate, again, "production")


def test_a_receipt_names_the_exact_version_of_every_locked_tool() -> None:
    named = {tool for gate in GATES.values() for tool in gate.facts.programs}

    assert named <= set(programs.names())
    assert {tool for tool in named if not programs.version(tool)[0].isdigit()} == set()
