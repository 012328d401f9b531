"""The pages of errors and symptoms against the code: every error as it is shown, a test for every entry."""

from __future__ import annotations

import re
import tomllib

import pytest

from drydock.errors import DrydockError, Exit
from tests.conftest import ROOT
from tests.support.messages import ERRORS
from tests.support.sources import function

BY_CODE = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
SYMPTOMS = (ROOT / "docs/reference/troubleshooting.md").read_text(encoding="utf-8")
TESTS = tomllib.loads((ROOT / "tests/documents/troubleshooting.toml").read_text(encoding="utf-8"))
ENTRIES = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", BY_CODE, re.MULTILINE | re.DOTALL))
CODES = [(str(int(code)), code.name.lower().replace("_", " ")) for code in Exit]


def form(error: type[DrydockError]) -> str:
    """Return an error's line with the names of its values in capitals."""
    line = f"error: {error.fact}; {error.next_step}"
    line = re.sub(r"\{(\w+)!r\}", lambda found: f"'{found[1].upper()}'", line)
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: found[1].upper(), line)


def source(test: str) -> str:
    """Return the source of a test that is named by its file and function."""
    path, _, name = test.partition("::")
    return function(ROOT / path, name)


def test_every_error_has_its_entry_in_the_order_of_exit_codes_and_no_entry_is_stale() -> None:
    assert list(ENTRIES) == [error.__name__ for error in ERRORS]
    assert re.findall(r"^## (\d+) ([\w ]+): .+$", BY_CODE, re.MULTILINE) == CODES


def test_the_table_lists_every_exit_code() -> None:
    assert re.findall(r"^\| \[(\d+)\]\([^)]+\) \| ([\w ]+) \|", BY_CODE, re.MULTILINE) == CODES


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_entry_shows_the_message_and_says_what_to_do_and_a_test_produces_it(
    error: type[DrydockError],
) -> None:
    quoted, explained = ENTRIES[error.__name__].split("\n\n", 1)
    assert " ".join(line.removeprefix("> ") for line in quoted.splitlines()) == form(error)

    assert len(explained.split()) > 5, "say in a sentence why it happens or what helps"
    assert error.__name__ in source(TESTS["errors"][error.__name__]), "name a test that produces it"


def test_every_symptom_has_a_test_that_is_there() -> None:
    rows = re.findall(r"^\| (.*?) \| ", SYMPTOMS, re.MULTILINE)
    symptoms = [row for row in rows if row != "symptom"]

    assert symptoms == list(TESTS["symptoms"])
    assert [test for test in TESTS["symptoms"].values() if not source(test)] == []


def test_no_test_is_named_for_an_error_that_is_gone() -> None:
    assert sorted(TESTS["errors"]) == sorted(ENTRIES)
