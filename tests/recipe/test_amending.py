"""Options given to `init` go into a configuration that is there, and nothing else of it changes."""

from __future__ import annotations

import tomllib

import pytest

from drydock.errors import BadConfiguration
from drydock.recipe.amending import amend

TEXT = """\
[project]
name = "shop"

[tool.drydock]
# chosen with care
port = 8000  # Dockerfile:8
extra-files = [
  "git",
]

[tool.drydock.budgets.slim]
on-disk-mb = 300
"""


def test_a_value_is_replaced_in_its_line_with_what_is_said_about_it() -> None:
    assert amend(TEXT, "tool.drydock", {"port": "9000"}, "here") == TEXT.replace(
        "8000  # Dockerfile:8", "9000"
    )


def test_a_new_key_stands_at_the_head_of_the_table() -> None:
    changed = amend(TEXT, "tool.drydock", {"factory": "true", "workdir": "a b"}, "here")

    table = tomllib.loads(changed)["tool"]["drydock"]
    assert (table["factory"], table["workdir"], table["port"]) == (True, "a b", 8000)
    assert set(TEXT.splitlines()) < set(changed.splitlines())


def test_a_table_that_only_has_tables_gets_a_head() -> None:
    changed = amend("[tool.drydock.labels]\na = 'b'\n", "tool.drydock", {"port": "1"}, "here")

    assert tomllib.loads(changed)["tool"]["drydock"] == {"labels": {"a": "b"}, "port": 1}


def test_a_file_of_its_own_has_its_keys_at_the_top() -> None:
    assert amend("port = 1\n", "", {"port": "2", "lock": "uv.lock"}, "here") == 'lock = "uv.lock"\nport = 2\n'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": "http"}, "here: port is 'http'; give a number"),
        ({"factory": "perhaps"}, "here: factory is 'perhaps'; give true or false"),
        (
            {"extra-files": "x"},
            "here: extra-files is not written in a single line; set extra-files there by hand",
        ),
    ],
)
def test_what_cannot_be_written_is_named(options: dict[str, str], message: str) -> None:
    with pytest.raises(BadConfiguration, match=message):
        amend(TEXT, "tool.drydock", options, "here")
