"""Read a project's ``image/expectations.toml``: every key is known and of its type, or the error names it."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import types
import typing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from drydock import errors, project
from drydock.gates.expectations.findings import Ignore, Severity
from drydock.gates.expectations.model import Expectations

PLACE = Path("image") / "expectations.toml"
# An ignore for longer than this is no decision to look again.
LONGEST_IGNORE = timedelta(days=366)
_WORDS: dict[object, str] = {str: "string", int: "whole number", bool: "boolean", date: "date"}
_OCTAL = re.compile(r"0?[0-7]{3,4}")
Table = TypeVar("Table")


def place(root: Path) -> Path:
    """Return where a project has its expectations: in the application's own folder, else at the root."""
    own = root / str(project.table(root).get("source", ".")) / PLACE
    return own if own.is_file() else root / PLACE


def load(root: Path, today: date) -> Expectations:
    """Read a project's expectations; where it has no such file, only the checks that need none apply.

    Args:
        root: The project's folder.
        today: Ignores are counted from this day.

    Raises:
        errors.BadConfiguration: The file is no TOML, or a key is unknown, missing or of the wrong type.
    """
    path = place(root)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Expectations()
    return parse(text, str(path), today)


def parse(text: str, where: str, today: date) -> Expectations:
    """Read expectations from TOML.

    Raises:
        errors.BadConfiguration: As for `load`.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise errors.BadConfiguration(
            where=where, problem=f"no valid TOML: {error}", how="mend it"
        ) from error
    expectations = _table(Expectations, table, where, "")
    for gate in ("security", "audit", "licences"):
        for number, ignore in enumerate(getattr(expectations, gate).ignore):
            _check_ignore(ignore, f"{where} {gate}.ignore[{number}]", today)
    for number, file in enumerate(expectations.file):
        if file.mode is not None and not _OCTAL.fullmatch(file.mode):
            raise _bad(where, f"file[{number}].mode", f"{file.mode!r} is no mode", "write it like '0755'")
    if Severity.named(expectations.audit.severity) is Severity.UNKNOWN:
        known = ", ".join(name.lower() for name in Severity.__members__ if name != "UNKNOWN")
        raise _bad(
            where, "audit.severity", f"{expectations.audit.severity!r} is no severity", f"use one of {known}"
        )
    return expectations


def _check_ignore(ignore: Ignore, where: str, today: date) -> None:
    if not ignore.reason.strip():
        raise errors.BadConfiguration(where=where, problem="reason is empty", how="say why it is accepted")
    if ignore.until > today + LONGEST_IGNORE:
        raise errors.BadConfiguration(
            where=where,
            problem=f"until {ignore.until} is more than {LONGEST_IGNORE.days} days away",
            how="choose a day on which somebody looks again",
        )


def _table(cls: type[Table], table: object, where: str, path: str) -> Table:
    """Make a dataclass of a table."""
    if not isinstance(table, dict):
        raise _bad(where, path, "no table", "write it as a table")
    hints = typing.get_type_hints(cls)
    fields = {field.name.replace("_", "-"): field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := set(table) - set(fields):
        raise _bad(where, _join(path, min(unknown)), "unknown key", f"use one of {', '.join(sorted(fields))}")
    needed = {
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := needed - set(table):
        key = min(missing)
        raise _bad(
            where, _join(path, key), "missing", f"{path or 'the file'} needs {', '.join(sorted(needed))}"
        )
    values = {
        fields[key].name: _value(hints[fields[key].name], value, where, _join(path, key))
        for key, value in table.items()
    }
    return cls(**values)


def _value(hint: Any, value: object, where: str, path: str) -> Any:
    """Return a TOML value as the type that a field has."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(arguments[0], value, where, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise _bad(where, path, f"{value!r} is no list", "write it in brackets")
        return tuple(_value(arguments[0], item, where, f"{path}[{n}]") for n, item in enumerate(value))
    if origin is not None:  # the only other generic type is a Mapping of texts
        if not isinstance(value, dict):
            raise _bad(where, path, f"{value!r} is no table", "write it as a table")
        return {key: _value(str, item, where, _join(path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return _table(typing.cast(type[Any], hint), value, where, path)
    # bool is a subclass of int, and a point in time one of a date.
    if (
        not isinstance(value, hint)
        or (hint is int and isinstance(value, bool))
        or isinstance(value, datetime)
    ):
        raise _bad(where, path, f"{value!r} is no {_WORDS[hint]}", f"give it a {_WORDS[hint]}")
    return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _bad(where: str, key: str, problem: str, how: str) -> errors.BadConfiguration:
    return errors.BadConfiguration(where=f"{where} {key}".rstrip(), problem=problem, how=how)
