"""docs/troubleshooting.md against the code: every error as it is shown, every test that it names."""

from __future__ import annotations

import inspect
import re

import pytest

from drydock import errors
from tests.conftest import ROOT
from tests.support.sources import function

DOCUMENT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SYMPTOMS, BY_CODE = DOCUMENT.split("## By exit code")
ALL = sorted(
    (
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.DrydockError) and found is not errors.DrydockError
    ),
    key=lambda found: found.exit_code,
)
ENTRIES = dict(re.findall(r"^#### (\d+ \w+)\n\n(.*?)(?=^###|\Z)", BY_CODE, re.MULTILINE | re.DOTALL))
TEST = re.compile(r"`((?:backend/)?tests/[\w/]+\.py)::(test_\w+)`")


def title(error: type[errors.DrydockError]) -> str:
    """Return the heading of an error's entry."""
    return f"{error.exit_code} {error.__name__}"


def form(error: type[errors.DrydockError]) -> str:
    """Return an error's line with the names of its values in capitals."""
    line = f"error: {error.fact}; {error.next_step}"
    line = re.sub(r"\{(\w+)!r\}", lambda found: f"'{found[1].upper()}'", line)
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: found[1].upper(), line)


def test_every_error_has_its_entry_in_the_order_of_exit_codes_and_no_entry_is_stale() -> None:
    assert list(ENTRIES) == [title(error) for error in ALL]


@pytest.mark.parametrize("error", ALL, ids=title)
def test_an_entry_shows_the_message_says_what_to_do_and_names_a_test_that_produces_it(
    error: type[errors.DrydockError],
) -> None:
    quoted, explained = ENTRIES[title(error)].split("\n\n", 1)
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
