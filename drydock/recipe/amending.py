"""Put single options into a configuration that somebody has written, and leave every other line as it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from drydock.errors import BadConfiguration
from drydock.project.configuration import KEYS
from drydock.recipe.configuration import toml


def amend(text: str, table: str, options: Mapping[str, str], where: object) -> str:
    """Return a configuration in which options stand as they were given.

    Args:
        text: The file as it is.
        table: `tool.drydock` in a pyproject.toml; empty in a drydock.toml, whose keys stand at its top.
        options: Values by key, as they were typed.
        where: The file, for messages.

    Raises:
        BadConfiguration: A value is not of its key's type, or stands where no single line says so.
    """
    for key, word in options.items():
        value = _value(key, word, where)
        text = _amended(text, table, f"{key} = {toml(value)}", key)
        if _read(text, table).get(key) != value:
            raise BadConfiguration(
                where=where, problem=f"{key} is not written in a single line", how=f"set {key} there by hand"
            )
    return text


def _value(key: str, word: str, where: object) -> object:
    kind = type(KEYS[key].default) if key in KEYS else str
    try:
        return (
            int(word)
            if kind is int
            else {"true": True, "false": False}[word.lower()]
            if kind is bool
            else word
        )
    except (ValueError, KeyError) as error:
        how = "give a number" if kind is int else "give true or false"
        raise BadConfiguration(where=where, problem=f"{key} is {word!r}", how=how) from error


def _amended(text: str, table: str, line: str, key: str) -> str:
    """Replace the line of a key in its table, or add one below the table's head."""
    head = re.search(rf"^\[\s*{re.escape(table)}\s*\].*\n", text, re.M) if table else None
    if table and head is None:
        return f"{text.rstrip()}\n\n[{table}]\n{line}\n"
    start = head.end() if head else 0
    following = re.search(r"^\[", text[start:], re.M)
    end = start + following.start() if following else len(text)
    own = text[start:end]
    # What stands behind the value said where it was found: now it was set by hand.
    changed, count = re.subn(rf"^{re.escape(key)}\s*=.*$", lambda _: line, own, count=1, flags=re.M)
    return text[:start] + (changed if count else f"{line}\n{own}") + text[end:]


def _read(text: str, table: str) -> Mapping[str, Any]:
    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    for part in filter(None, table.split(".")):
        found = found.get(part, {})
    return found if isinstance(found, Mapping) else {}
