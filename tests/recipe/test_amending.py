"""Options of `init` change their lines in an existing configuration, and nothing else."""

from __future__ import annotations

import tomllib

import pytest

from drydock.project.configuration import amend

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


def test_a_value_is_replaced_in_its_line() -> None:
    assert amend(TEXT, "tool.drydock", {"port": 9000}) == TEXT.replace("8000", "9000")


def test_a_list_over_several_lines_is_replaced() -> None:
    changed = amend(TEXT, "tool.drydock", {"extra-files": ["x"]})

    assert tomllib.loads(changed)["tool"]["drydock"]["extra-files"] == ["x"]


def test_a_new_key_is_in_the_table_and_nothing_else_changes() -> None:
    changed = amend(TEXT, "tool.drydock", {"factory": True, "workdir": "a b"})

    table = tomllib.loads(changed)["tool"]["drydock"]
    assert (table["factory"], table["workdir"], table["port"]) == (True, "a b", 8000)
    assert table["budgets"] == {"slim": {"on-disk-mb": 300}}
    assert set(TEXT.splitlines()) < set(changed.splitlines())


@pytest.mark.parametrize("text", ["[tool.drydock.labels]\na = 'b'\n", "[tool.other]\na = 1\n", ""])
def test_a_missing_table_is_made(text: str) -> None:
    changed = tomllib.loads(amend(text, "tool.drydock", {"port": 1}))["tool"]

    assert changed["drydock"]["port"] == 1
    before = tomllib.loads(text).get("tool", {})
    assert changed.get("other") == before.get("other")
    assert changed["drydock"].get("labels") == before.get("drydock", {}).get("labels")


def test_a_file_of_its_own_has_its_keys_at_the_top() -> None:
    assert tomllib.loads(amend("port = 1\n[labels]\na = 'b'\n", "", {"port": 2, "lock": "uv.lock"})) == {
        "port": 2,
        "lock": "uv.lock",
        "labels": {"a": "b"},
    }
