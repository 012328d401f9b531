"""One loader creates frozen dataclasses from TOML, and names a wrong key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from drydock import toml
from drydock.errors import BadConfiguration


@dataclass(frozen=True)
class Inner:
    name: str
    until: date | None = None


@dataclass(frozen=True)
class Outer:
    count_of: int = 0
    inner: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = field(default_factory=dict)
    free: Mapping[str, Any] = field(default_factory=dict)
    size: int = field(default=0, metadata={"key": "size-mb", "read": lambda n: n * 10, "how": "give one"})


def test_tables_become_dataclasses() -> None:
    text = (
        "count-of = 2\nsize-mb = 3\nfree = { a = 1, b = 'x' }\n"
        "[[inner]]\nname = 'a'\nuntil = 2027-01-01\n[named.b]\nname = 'c'\n"
    )
    assert toml.make(Outer, toml.parse(text, "f"), "f") == Outer(
        2, (Inner("a", date(2027, 1, 1)),), {"b": Inner("c")}, {"a": 1, "b": "x"}, 30
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count_of = 1", "f count_of: unknown key; use one of count-of, free, inner, named, size-mb"),
        ("count-of = true", "f count-of: True is not a whole number; give it a whole number"),
        ("[[inner]]\nuntil = 2027-01-01", "f inner[0].name: missing; inner[0] needs name"),
        ("[named.b]\nname = 1", "f named.b.name: 1 is not a string"),
        ("named = 1", "f named: 1 is not a table"),
        ("inner = {}", "f inner: {} is not a list"),
        ("[[inner]]\nname = 'a'\nuntil = 2027-01-01T00:00:00", "f inner[0].until: datetime.datetime("),
        ("= 1", "f: not valid TOML: "),
    ],
)
def test_what_is_wrong_is_named_with_its_key(text: str, message: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        toml.make(Outer, toml.parse(text, "f"), "f")
    assert str(caught.value).startswith(f"error: {message}")


def test_file_that_is_not_there_is_empty_and_one_of_other_bytes_is_refused(tmp_path: Path) -> None:
    assert toml.read(tmp_path / "none.toml") == {}
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'\n")
    with pytest.raises(BadConfiguration, match=r"latin\.toml: not valid TOML"):
        toml.read(tmp_path / "latin.toml")
