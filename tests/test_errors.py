from __future__ import annotations

import inspect
import re
import string

import pytest

from drydock import errors

ALL = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, errors.DrydockError) and found is not errors.DrydockError
]


def names_in(template: str) -> set[str]:
    return {field.split("!")[0] for _, field, _, _ in string.Formatter().parse(template) if field}


def test_exit_codes_tell_errors_apart() -> None:
    codes = [error.exit_code for error in ALL]

    assert len(codes) == len(set(codes))
    assert 0 not in codes
    assert 1 not in codes


@pytest.mark.parametrize("error", ALL)
def test_an_error_is_one_line_with_a_fact_and_a_next_step(error: type[errors.DrydockError]) -> None:
    values = dict.fromkeys(names_in(error.fact) | names_in(error.next_step), 1)

    text = str(error(**values))

    assert re.fullmatch(r"error: [^\n]+; [^\n]+", text), text
    assert not text.endswith(".")
