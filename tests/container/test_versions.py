"""The scripts run on each supported Python, of which the oldest is 3.9."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from drydock.recipe import packaged

OLDEST = (3, 9)
# Names of newer Pythons.
NEWER = frozenset({"pairwise", "packages_distributions", "file_digest", "tomllib", "StrEnum", "TaskGroup"})
SCRIPTS = sorted(Path(packaged.__file__).parents[1].glob("container/**/*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_script_of_the_image_uses_nothing_that_python_3_9_lacks(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=OLDEST)
    deferred = any(isinstance(one, ast.ImportFrom) and one.module == "__future__" for one in tree.body)

    found = [f"{path}:{node.lineno}" for node in ast.walk(tree) if _is_newer(node, deferred)]

    assert SCRIPTS
    assert found == []


def _is_newer(node: ast.AST, deferred: bool) -> bool:
    """Tell whether a node is a newer name, a keyword of `zip`, a slice of parents, or a union that is run."""
    if isinstance(node, ast.arg | ast.AnnAssign):
        return not deferred and isinstance(node.annotation, ast.BinOp)
    if isinstance(node, ast.FunctionDef):
        return not deferred and isinstance(node.returns, ast.BinOp)
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "zip" and bool(node.keywords)
    if isinstance(node, ast.Subscript):
        return getattr(node.value, "attr", "") == "parents" and isinstance(node.slice, ast.Slice)
    return getattr(node, "attr", getattr(node, "id", "")) in NEWER


@pytest.mark.parametrize("name", ["pdm", "pipenv", "poetry", "pytest", "uvicorn"])
def test_tools_are_locked_for_the_oldest_python_as_well(name: str) -> None:
    text = (packaged.SCRIPTS / "install" / f"{name}.txt").read_text()
    pins = [Requirement(line.rstrip("\\ ")) for line in text.splitlines() if re.match("[a-z]", line)]

    for version in ("3.9", "3.10", "3.13", "3.15"):
        known = {"python_version": version, "python_full_version": f"{version}.1"}
        wanted = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(known)]
        assert name in wanted
        assert len(wanted) == len(set(wanted))
    assert " --python-version 3.9 " in text.partition("==")[0]


def test_command_of_the_image_has_no_option_that_python_3_9_lacks() -> None:
    text = (packaged.SCRIPTS.parent / "recipe/template.Dockerfile").read_text()

    assert 'python3", "/opt/image/start.py"]' in text
    assert '"-P"' not in text
