"""Code that belongs to a receipt."""

from __future__ import annotations

import ast
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import drydock
from drydock import gates, programs
from drydock.gates import closure
from drydock.gates.gate import registry
from tests.conftest import ROOT

GATES = tuple(f"drydock.gates.{name}" for name in registry())
Edit = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, in place of an installation."""
    root = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "drydock", root / "drydock", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def digests() -> dict[str, str]:
    """Return the digest of every gate's code, read again."""
    closure.forget()
    return {name.rpartition(".")[2]: closure.digest(name) for name in GATES}


@pytest.fixture(scope="module")
def before(copy: Path) -> Iterator[dict[str, str]]:
    """The copy's digests; the copy replaces the package until the last test of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drydock, "__file__", str(copy / "drydock/__init__.py"))
        patch.setattr(gates, "__path__", [str(copy / "drydock/gates")])
        # Each edit changes one file of hundreds.
        parsed = functools.cache(ast.parse)
        patch.setattr(closure, "_tree", lambda module: parsed(closure.text_of(module)))
        yield digests()
    closure.forget()


@pytest.fixture
def voided(copy: Path, before: dict[str, str]) -> Iterator[Edit]:
    """Return a function that changes one file of the copy and returns the gates with a new digest."""
    changed: dict[Path, bytes] = {}

    def edit(name: str) -> set[str]:
        path = copy / "drydock" / name
        changed[path] = path.read_bytes()
        path.write_bytes(changed[path] + b"\n# mended\n")
        after = digests()
        return {gate for gate in before if before[gate] != after[gate]}

    yield edit
    for path, content in changed.items():
        path.write_bytes(content)


def test_a_change_in_the_renderer_voids_the_gates_that_render_and_leaves_the_budget(voided: Edit) -> None:
    found = voided("deploy/render.py")

    assert found == {"kubernetes", "cluster"}


@pytest.mark.parametrize(
    ("file", "gate"),
    [
        ("gates/parity/snippets.py", "parity"),
        ("gates/size_budget.py", "size_budget"),
        ("gates/mainline.py", "size_budget"),
        ("gates/kubernetes/own.py", "kubernetes"),
        ("gates/security/linters.py", "security"),
        ("gates/licences/archive.py", "licences"),
        ("gates/container_tests/touched.py", "container_tests"),
        ("gates/build_cache.py", "build_cache"),
        ("gates/audit/osv.py", "audit"),
    ],
)
def test_an_upgrade_that_changes_one_gate_voids_that_gates_receipts_alone(
    voided: Edit, file: str, gate: str
) -> None:
    assert voided(file) == {gate}


def test_code_that_answers_a_question_of_the_gate_counts_although_it_is_not_imported(voided: Edit) -> None:
    assert voided("gates/contents.py") == {"security", "reproducible"}
    assert voided("image/packages.py") >= {"security", "licences", "audit", "size_budget", "smoke"}


@pytest.mark.parametrize("file", ["report/tables.py", "tasks/gates.py", "hook/watched.py", "cli/program.py"])
def test_code_that_only_shows_or_asks_voids_nothing(voided: Edit, file: str) -> None:
    assert voided(file) == set()


def test_the_version_of_a_locked_program_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = closure.digest("drydock.gates.security", ["trivy"])
    monkeypatch.setattr(programs, "version", lambda _: "99")

    assert closure.digest("drydock.gates.security", ["trivy"]) != before


def test_imports_for_type_checkers_do_not_count() -> None:
    assert "drydock.gates.subject" not in closure.modules("drydock.gates.smoke")
    assert "drydock.engine.runtime" in closure.modules("drydock.gates.smoke")


def test_the_modules_of_a_gate_are_read_once_for_the_same_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before = digests()

    def refuse(_: str) -> ast.Module:
        raise AssertionError("the source was read again")

    monkeypatch.setattr(closure, "_tree", refuse)
    assert digests() == before

    [kept] = (tmp_path / "drydock/closures").iterdir()
    kept.write_text(kept.read_text().replace("drydock.gates.smoke", "drydock.gates"))
    with pytest.raises(AssertionError, match="read again"):
        digests()
