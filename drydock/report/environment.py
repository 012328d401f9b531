"""docs/environment.md, written from what the application in the image says about its own settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

PAGE = """\
# Environment variables

Written by `invoke environment` from the application's settings and the start script; a test compares.
A value that holds a secret may come from a file instead: set `NAME_FILE` to its path. An empty variable
counts as unset. Every value that is missing or refused is named at the start, which then ends with code 78.

## The application

| variable | default | meaning |
|---|---|---|
{settings}

## The start script

| variable | meaning |
|---|---|
{start}

The health probe gives up after `PROBE_TIMEOUT` seconds (2).
"""
# A line of the start script's own help: names, then the meaning after two blanks or more.
_HELP = re.compile(r"^ {4}([A-Z][A-Z_, ]*[A-Z])\s{2,}(\S.*)$", re.MULTILINE)


def start_script(text: str) -> list[tuple[str, str]]:
    """Return the variables of a start script from its documentation, with their meanings."""
    return [(names, meaning.strip()) for names, meaning in _HELP.findall(text)]


def page(settings: Sequence[Mapping[str, Any]], start: Sequence[tuple[str, str]]) -> str:
    """Return the page."""
    rows = [
        f"| {_name(one)} | {_default(one)} | {_cell(one['description'])}{_example(one)} |" for one in settings
    ]
    lines = [
        f"| {', '.join(f'`{name.strip()}`' for name in names.split(','))} | {_cell(meaning)} |"
        for names, meaning in start
    ]
    return PAGE.format(settings="\n".join(rows), start="\n".join(lines))


def _name(setting: Mapping[str, Any]) -> str:
    name = setting["name"]
    return f"`{name}`, `{name}_FILE`" if setting["secret"] else f"`{name}`"


def _default(setting: Mapping[str, Any]) -> str:
    default = setting["default"]
    if default is None or default == "":
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _example(setting: Mapping[str, Any]) -> str:
    example = setting["example"]
    return "" if example is None or example == setting["default"] else f" Example: `{example}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
