"""Read TOML into frozen dataclasses: an unknown key or a wrong type is an error that names it.

A field's key is its name with ``-`` for ``_``. Its metadata can override this: ``key`` is another name,
``read`` converts TOML's value or raises ValueError, and ``how`` is then the next step.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from drydock.errors import BadConfiguration

_WORDS: dict[object, str] = {str: "string", int: "whole number", bool: "boolean", date: "date"}
Table = TypeVar("Table")


def parse(text: str, where: object) -> dict[str, Any]:
    """Parse a TOML text; `where` is its file, for an error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise bad(where, "", f"not valid TOML: {error}", "correct it") from error


def read(path: Path) -> dict[str, Any]:
    """Parse a TOML file, {} without one."""
    try:
        return parse(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise bad(path, "", f"not valid TOML: {error}", "save it as UTF-8") from error


def table(value: object, *keys: str) -> dict[str, Any]:
    """Return the table under a path of keys, {} if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def keys(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """Return a dataclass's fields by their keys in TOML."""
    return {one.metadata.get("key", one.name.replace("_", "-")): one for one in dataclasses.fields(cls)}


def make(cls: type[Table], table: object, where: object, path: str = "") -> Table:
    """Make a dataclass from a table; an error names the key by its file and its path there."""
    if not isinstance(table, Mapping):
        raise bad(where, path, f"{table!r} is not a table", "write it as a table")
    hints = typing.get_type_hints(cls)
    fields = keys(cls)
    if unknown := set(table) - set(fields):
        raise bad(where, join(path, min(unknown)), "unknown key", f"use one of {', '.join(sorted(fields))}")
    needed = {
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := needed - set(table):
        how = f"{path or 'the file'} needs {', '.join(sorted(needed))}"
        raise bad(where, join(path, min(missing)), "missing", how)
    values = {}
    for key, value in table.items():
        field, place = fields[key], join(path, key)
        if convert := field.metadata.get("read"):
            try:
                values[field.name] = convert(value)
            except ValueError as error:
                raise bad(where, place, str(error), field.metadata["how"]) from error
        else:
            values[field.name] = _value(hints[field.name], value, where, place)
    return cls(**values)


def _value(hint: Any, value: object, where: object, path: str) -> Any:
    """Convert a TOML value to a field's type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _value(arguments[0], value, where, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise bad(where, path, f"{value!r} is not a list", "write it in brackets")
        return tuple(_value(arguments[0], item, where, f"{path}[{n}]") for n, item in enumerate(value))
    if origin is not None:  # the only other generic type is a Mapping by text
        if not isinstance(value, Mapping):
            raise bad(where, path, f"{value!r} is not a table", "write it as a table")
        return {key: _value(arguments[1], item, where, join(path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return make(typing.cast(type[Any], hint), value, where, path)
    # bool is a subclass of int, and datetime one of date.
    if (
        not isinstance(value, hint)
        or (hint is int and isinstance(value, bool))
        or isinstance(value, datetime)
    ):
        how = "write true or false" if hint is bool else f"give it a {_WORDS[hint]}"
        raise bad(where, path, f"{value!r} is not a {_WORDS[hint]}", how)
    return value


def join(path: str, key: str) -> str:
    """Return a key's dotted path."""
    return f"{path}.{key}" if path else key


def bad(where: object, key: str, problem: str, how: str) -> BadConfiguration:
    """Return an error about a key of a file."""
    return BadConfiguration(where=f"{where} {key}".rstrip(), problem=problem, how=how)
