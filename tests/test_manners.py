"""Tests remove only their own things: never an image by its id, which a user's tag may share."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT


def removals(source: str) -> list[str]:
    """Return the calls that remove images by force or by id."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    texts = [ast.unparse(call) for call in calls if ast.unparse(call.func).endswith("images.remove")]
    return [text for text in texts if "force=True" in text or ".id" in text]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("engine.sdk.images.remove(image.id)", 1),
        ("engine.sdk.images.remove(name, force=True)", 1),
        ("engine.sdk.images.remove(name)", 0),
    ],
)
def test_a_removal_by_id_or_by_force_is_found(source: str, found: int) -> None:
    assert len(removals(source)) == found


def test_no_test_removes_an_image_by_id_or_by_force() -> None:
    paths = [path for path in Path(ROOT / "tests").rglob("*.py") if "apps" not in path.parts]

    assert {str(path): found for path in paths if (found := removals(path.read_text()))} == {}
