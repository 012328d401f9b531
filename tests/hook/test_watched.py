"""Gates that the hook runs for a change, by the files of this repository."""

from __future__ import annotations

import re

import pytest

from drydock.detect.project import load
from drydock.gates import proof
from drydock.gates.errors import UnknownGate
from drydock.gates.gate import registry
from drydock.hook import BASE, chosen, due, stands_on
from drydock.hook.commit import contents, digest
from drydock.hook.watched import watched
from drydock.state.receipts import Receipt
from drydock.verdict import Outcome, Verdict
from tests.conftest import ROOT

PROJECT = load(ROOT)
WATCHED = watched()


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return contents(ROOT, "HEAD")


def changed(files: dict[str, str], path: str) -> set[str]:
    """Return the gates that run after a change of one file."""
    assert path in files, f"{path} is no file of this repository"
    before = {(one.gate.name, one.target, one.inputs) for one in due(PROJECT, files, WATCHED)}
    after = {
        (one.gate.name, one.target, one.inputs)
        for one in due(PROJECT, files | {path: "100644 blob changed"}, WATCHED)
    }
    return {name for name, _, _ in after - before}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", set()),
        ("docs/background/security.md", set()),
        ("backend/todo_api/main.py", {"lint", "container_tests", "size_budget"}),
        ("backend/tests/test_chat.py", {"lint", "container_tests", "size_budget"}),
        (
            "backend/requirements.lock",
            {"container_tests", "size_budget", "smoke", "security", "parity", "licences"},
        ),
        (
            "Dockerfile",
            {"lint", "container_tests", "size_budget", "smoke", "security", "parity", "licences", "tests"},
        ),
        (
            "backend/image/expectations.toml",
            {"container_tests", "size_budget", "smoke", "security", "parity", "licences", "tests"},
        ),
        ("deploy/kubernetes/base/deployment.yaml", {"kubernetes"}),
        ("drydock/release/steps.py", {"lint", "tests"}),
        ("tests/state/test_receipts.py", {"lint", "tests"}),
    ],
)
def test_a_change_runs_the_gates_that_judge_it(files: dict[str, str], path: str, expected: set[str]) -> None:
    assert changed(files, path) == expected


def test_every_gate_that_a_push_demands_is_watched() -> None:
    assert {gate.name for gate in proof.demanded("production", load(ROOT))} <= {one.name for one in WATCHED}


def test_every_watched_gate_is_a_session() -> None:
    own = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)

    assert {one.name for one in WATCHED if one.session is not None} <= set(own)
    assert {one.name for one in WATCHED if one.session is None} <= set(registry())


def test_every_pattern_selects_something(files: dict[str, str]) -> None:
    # This project's configuration is in pyproject.toml, and its scripts are in drydock/container.
    elsewhere = {"drydock.toml", "image/*", "image/expectations.toml"}
    # Other projects have their own Dockerfile beside drydock's, or other locks.
    elsewhere |= {"drydock.Dockerfile", "uv.lock"}
    elsewhere |= {f"backend/{name}" for name in ("*requirements*.txt", "pylock.toml", "setup.py")}
    patterns = {text for one in WATCHED for text in one.patterns("backend")} - elsewhere

    assert [text for text in patterns if not digest(files, [text])] == []


def test_named_gates_run_in_the_hooks_own_order() -> None:
    assert [one.name for one in chosen(["smoke", "lint"])] == ["lint", "smoke"]
    assert chosen([]) == list(WATCHED)


def test_a_name_that_the_hook_does_not_know_is_refused() -> None:
    with pytest.raises(UnknownGate, match=r"there is no gate 'smok'; choose one of lint, .*`smoke`"):
        chosen(["smok"])


def test_what_the_project_does_not_have_is_not_judged(files: dict[str, str]) -> None:
    without = {path: about for path, about in files.items() if not path.startswith("deploy/")}

    assert "kubernetes" not in {one.gate.name for one in due(PROJECT, without, WATCHED)}


def test_the_application_may_lie_at_the_root() -> None:
    (tests,) = [one for one in WATCHED if one.name == "container_tests"]

    assert tests.patterns("")[-1] == "*"
    assert tests.patterns("services/shop")[-1] == "services/shop/*"


def test_a_changed_base_image_makes_gates_of_images_judge_again() -> None:
    tests, lint = (next(one for one in WATCHED if one.name == name) for name in ("container_tests", "lint"))
    verdict = Verdict("any", Outcome.PASSED, "well")
    known = Receipt(verdict, "sha256:1", "", "sha256:2", {BASE: "sha256:old"}, 0.0)

    assert stands_on("sha256:old", tests, known)
    assert not stands_on("sha256:new", tests, known)
    assert stands_on("sha256:new", lint, known)
    # Without an engine, only the judged image can be built.
    assert stands_on("", tests, known)


@pytest.mark.parametrize(
    "path",
    [
        "drydock.Dockerfile",
        "drydock.Dockerfile.dockerignore",
        "requirements.txt",
        "requirements/base-requirements.txt",
        "uv.lock",
        "poetry.lock",
        "pylock.toml",
        "setup.py",
    ],
)
def test_another_projects_recipe_and_locks_run_the_gates_on_packages(path: str) -> None:
    (security,) = [one for one in WATCHED if one.name == "security"]

    assert digest({path: "100644 blob one"}, security.patterns(""))


def test_a_workspaces_lock_above_the_application_counts() -> None:
    (security,) = [one for one in WATCHED if one.name == "security"]

    assert digest({"uv.lock": "100644 blob one"}, security.patterns("services/shop"))
