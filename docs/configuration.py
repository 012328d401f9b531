"""Write docs/reference/configuration.md and its JSON schema: `python -m docs.configuration`.

Keys, types and defaults come from the code. The schema's descriptions and `x-found-by` are written by hand.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from docs.pages import ROOT, filled
from drydock import toml
from drydock.project.configuration import Configuration
from drydock.project.model import DEFAULT_BUDGETS, TARGETS, Budget, Development, Growth, Request

PAGE = ROOT / "docs/reference/configuration.md"
SCHEMA = ROOT / "drydock/project/schema.json"
# Tables by the name that the schema's definitions give them, in the order of the page.
TABLES: dict[str, type] = {
    "budget": Budget,
    "growth": Growth,
    "development": Development,
    "request": Request,
}
HEADINGS = {
    "budget": "[tool.drydock.budgets.production]` and `[tool.drydock.budgets.slim]",
    "growth": "over-base` and `over-main` of a budget",
    "development": "[tool.drydock.development]",
    "request": "[[tool.drydock.smoke]]",
}
BY_HAND = ("description", "x-found-by", "pattern", "examples")
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "table",
}


def schema() -> dict[str, Any]:
    """Return the code's schema, with the descriptions of the existing file."""
    old = json.loads(SCHEMA.read_text(encoding="utf-8"))
    definitions = {
        name: _table(table, old["definitions"].get(name, {"properties": {}}))
        for name, table in TABLES.items()
    }
    definitions["growth"]["minProperties"] = 1
    head = {key: old[key] for key in ("$schema", "title", "description")}
    return {**head, **_table(Configuration, old), "definitions": definitions}


def _table(table: type, old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a dataclass: types and defaults, and the texts written by hand."""
    hints = typing.get_type_hints(table)
    properties, required = {}, []
    # What is built comes first; a class's own fields follow its base's.
    for key, field in sorted(toml.keys(table).items(), key=lambda item: item[0] != "source"):
        kept = {name: value for name, value in old["properties"].get(key, {}).items() if name in BY_HAND}
        made = _type(hints[field.name], field)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if default is dataclasses.MISSING:
            required.append(key)
        elif default is not None and not dataclasses.is_dataclass(default):
            made["default"] = list(default) if isinstance(default, tuple) else default
        elif "read" in field.metadata and default is not None:
            made["default"] = str(default)
        properties[key] = {"description": "", **kept, **made}
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return found | ({"required": required} if required else {})


def _type(hint: Any, field: dataclasses.Field[Any] | None = None) -> dict[str, Any]:
    if hint is Any:
        return {}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _type(arguments[0], field)
    if field is not None and "read" in field.metadata and hint is int:
        return {"type": "number", **_least(field)}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if hint == Mapping[str, Budget]:
        budget = {"$ref": "#/definitions/budget"}
        return {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(TARGETS, budget)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    if hint in TABLES.values():
        return {"$ref": f"#/definitions/{next(name for name, one in TABLES.items() if one is hint)}"}
    return {"type": {int: "integer", bool: "boolean"}.get(hint, "string")}


def _least(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """Return the minimum of a size in megabytes: some may be 0."""
    try:
        field.metadata["read"](0)
    except ValueError:
        return {"exclusiveMinimum": 0}
    return {"minimum": 0}


def tables(found: Mapping[str, Any]) -> str:
    parts = ["## `[tool.drydock]`\n\n" + _rows(found)]
    parts += [f"## `{HEADINGS[name]}`\n\n" + _rows(found["definitions"][name]) for name in TABLES]
    return "\n".join(parts)


def _rows(table: Mapping[str, Any]) -> str:
    properties = table["properties"]
    finds = any("x-found-by" in one for one in properties.values())
    lines = [f"| key | type | default |{' found by |' if finds else ''} meaning |"]
    lines.append("|---" * (5 if finds else 4) + "|")
    for key, one in properties.items():
        cells = [f"`{key}`", _word(one), _default(key, one, table)]
        cells += [one.get("x-found-by", "your decision")] if finds else []
        lines.append(f"| {' | '.join([*cells, one['description']])} |")
    return "\n".join(lines) + "\n"


def _word(one: Mapping[str, Any]) -> str:
    if "$ref" in one:
        return f"table, see {one['$ref'].rpartition('/')[2]}"
    if one.get("type") == "array":
        return f"list of {_word(one['items'])}" if "type" in one["items"] else "list of tables"
    inner = one.get("additionalProperties")
    if inner and inner.get("type"):
        return f"table of {_word(inner)}"
    return WORDS.get(one.get("type", ""), "any value")


def _default(key: str, one: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    if key in table.get("required", ()):
        return "required"
    if key == "budgets":
        return ", ".join(
            f"{name} {limit.on_disk // 10**6} MB on disk" for name, limit in DEFAULT_BUDGETS.items()
        )
    value = one.get("default")
    return "none" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"


def page(text: str, found: Mapping[str, Any]) -> str:
    """Return the page with the tables of today."""
    return filled(text, "keys", tables(found))


def dumps(found: Mapping[str, Any]) -> str:
    """Return a schema in its file's format."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    made = schema()
    SCHEMA.write_text(dumps(made), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
