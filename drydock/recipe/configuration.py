"""Write given options into a project's configuration, and leave the rest of it unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from drydock import project


def amended(root: Path, options: Mapping[str, Any]) -> dict[str, str]:
    """Return a project's configuration file with some keys set: text by name; {} without keys."""
    manifest, own = root / "pyproject.toml", root / project.FILE
    if not options:
        return {}
    place = manifest if manifest.is_file() and not own.is_file() else own
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    return {place.name: amend(text, "tool.drydock" if place == manifest else "", options)}


def amend(text: str, table: str, options: Mapping[str, Any]) -> str:
    """Return a TOML text with some keys of a table set; an empty name is the top."""
    document: Any = tomlkit.parse(text)
    found = document
    for part in filter(None, table.split(".")):
        found = found.setdefault(part, tomlkit.table(is_super_table=part != "drydock"))
    for key, value in options.items():
        found[key] = value
    return tomlkit.dumps(document)
