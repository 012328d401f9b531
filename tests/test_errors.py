from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from drydock.build.errors import BuildFailed
from drydock.errors import DrydockError, Exit
from tests.conftest import ROOT
from tests.support.messages import ERRORS


def names_in(template: str) -> set[str]:
    return {field.split("!")[0] for _, field, _, _ in string.Formatter().parse(template) if field}


def test_every_exit_code_is_some_errors_and_none_is_pythons_own() -> None:
    assert {error.exit_code for error in ERRORS} == set(Exit)
    assert not {0, 1} & {int(code) for code in Exit}


# Raised by a package above the one that defines them.
ABOVE = {"LabelsDiffer", "UnknownGate"}


def test_an_error_lives_in_the_package_that_raises_it() -> None:
    homes = {error.__name__: error.__module__.removesuffix(".errors") for error in ERRORS}
    raised: dict[str, set[str]] = {name: set() for name in homes}
    for path in Path(ROOT / "drydock").rglob("*.py"):
        package = ".".join(path.relative_to(ROOT).parts[:2]).removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name) and node.id in raised:
                raised[node.id].add(package)

    elsewhere = {name for name, home in homes.items() if home != "drydock" and home not in raised[name]}
    assert elsewhere == ABOVE


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_one_line_with_a_fact_and_a_next_step(error: type[DrydockError]) -> None:
    values = dict.fromkeys(names_in(error.fact) | names_in(error.next_step), 1)

    text = str(error(**values))

    assert re.fullmatch(r"error: [^\n]+; [^\n]+", text), text
    assert not text.endswith(".")


@pytest.mark.parametrize(
    "error", [one for one in ERRORS if "lines above are" in one.next_step or one is BuildFailed]
)
def test_an_error_without_evidence_points_at_no_lines(error: type[DrydockError]) -> None:
    values = dict.fromkeys(names_in(error.fact), 1)

    assert "lines above" in str(error(**values, evidence="Traceback"))
    assert re.fullmatch(r"error: [^\n]+; (it printed nothing|its log is empty); [^\n]+", str(error(**values)))
