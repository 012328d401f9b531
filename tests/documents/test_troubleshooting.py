"""docs/troubleshooting.md shows every error of the code, and the tests that it names exist."""

from __future__ import annotations

import re

import pytest

from drydock.errors import DrydockError, Exit
from tests.conftest import ROOT
from tests.support.messages import ERRORS
from tests.support.sources import function

DOCUMENT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SYMPTOMS, BY_CODE = DOCUMENT.split("## By exit code")
ENTRIES = dict(re.findall(r"^#### (\w+)\n\n(.*?)(?=^###|\Z)", BY_CODE, re.MULTILINE | re.DOTALL))
TEST = re.compile(r"`((?:backend/)?tests/[\w/]+\.py)::(test_\w+)`")


def form(error: type[DrydockError]) -> str:
    """Return an error's line with the names of its values in capitals."""
    line = f"error: {error.fact}; {error.next_step}"
    line = re.sub(r"\{(\w+)!r\}", lambda found: f"'{found[1].upper()}'", line)
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: found[1].upper(), line)


def test_every_error_has_its_entry_in_the_order_of_exit_codes_and_no_entry_is_stale() -> None:
    assert list(ENTRIES) == [error.__name__ for error in ERRORS]
    titles = re.findall(r"^### (\d+) ([\w ]+): .+$", BY_CODE, re.MULTILINE)
    assert titles == [(str(int(code)), code.name.lower().replace("_", " ")) for code in Exit]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_entry_shows_the_message_says_what_to_do_and_names_a_test_that_produces_it(
    error: type[DrydockError],
) -> None:
    quoted, explained = ENTRIES[error.__name__].split("\n\n", 1)
    assert " ".join(line.removeprefix("> ") for line in quoted.splitlines()) == form(error)

    tests = TEST.findall(explained)
    assert len(TEST.sub("", explained).split()) > 5, "say in a sentence why it happens or what helps"
    assert [where for where in tests if error.__name__ in function(ROOT / where[0], where[1])], (
        "name a test that produces it"
    )


def test_every_symptom_names_a_test_that_is_there() -> None:
    rows = [line for line in SYMPTOMS.splitlines() if line.startswith("| ") and " seen in " not in line]

    assert rows
    assert [row for row in rows if len(TEST.findall(row)) != 1] == []
    assert [where for where in TEST.findall(DOCUMENT) if not function(ROOT / where[0], where[1])] == []
