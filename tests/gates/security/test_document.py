"""The pages about security against the code: each check is named there, and each name there is a check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from drydock.gates.security import CHECKS

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("background/security.md", "reference/expectations.md", "background/results.md")
DOCUMENT = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in PAGES)
NAMES = {name for group in CHECKS.values() for name in group}


def column(number: int) -> list[str]:
    """Return the cells of a column of the side-by-side table."""
    table = DOCUMENT.split("## Checks, side by side")[1].split("\n\n")[2]
    return [line.split(" | ")[number - 1].strip("| ") for line in table.splitlines()[2:]]


def test_every_check_stands_in_the_table_and_nothing_else_does() -> None:
    named = {name for cell in column(2) for name in re.findall(r"`([^`]+)`", cell)}
    assert {name for name in named if " " not in name} == NAMES


def test_number_of_checks_is_the_true_one() -> None:
    assert f"By number: {len(NAMES)} checks of ours" in DOCUMENT


def test_every_finding_of_the_code_has_a_check() -> None:
    found = set()
    for path in (ROOT / "drydock" / "gates" / "security").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "Finding",
                "_differs",
                "_texts",
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    assert found == NAMES


def test_every_table_of_the_expectations_file_is_explained() -> None:
    text = (ROOT / "backend/image/expectations.toml").read_text(encoding="utf-8")
    tables = set(re.findall(r"^(\[+[a-z.]+\]+)$", text, re.MULTILINE)) - {
        "[licences.declared]",
        "[audit.unchecked]",
    }
    assert {table for table in tables if f"`{table}`" not in DOCUMENT} == set()


def test_tests_of_the_known_defects_are_those_of_the_backend() -> None:
    listed = re.findall(r"^- `(test_\w+)`$", DOCUMENT, re.MULTILINE)
    defects = (ROOT / "backend" / "tests" / "test_known_defects.py").read_text(encoding="utf-8")
    assert listed == re.findall(r"^def (test_\w+)", defects, re.MULTILINE)
    assert len(listed) == 12


def test_image_half_of_the_twelfth_defect_is_an_integration_test() -> None:
    (named,) = re.findall(r"^`(test_production_\w+)`\.$", DOCUMENT, re.MULTILINE)
    image = (ROOT / "tests" / "system" / "test_image.py").read_text(encoding="utf-8")
    assert f"def {named}(" in image
