"""The page of environment variables, written from the settings that the application in the image lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Where the page is, below the project's folder; a new one goes to the last.
PLACES = ("docs/reference/environment.md", "docs/environment.md")
PAGE = """\
# Environment variables

Written by `invoke environment` from the application's settings and the start script; a test compares.
A value that holds a secret may come from a file instead: set `NAME_FILE` to its path. An empty variable
counts as unset. Every value that is missing or refused is named at the start, which then ends with code 78.

## The application

| variable | default | meaning |
|---|---|---|
{% for one in settings %}
| `{{ one.name }}`{% if one.secret %}, `{{ one.name }}_FILE`{% endif %} | {{ one.default | value }} |\
 {{ one.description | cell }}\
{% if one.example is not none and one.example != one.default %} Example: `{{ one.example }}`{% endif %} |
{% endfor %}

## The start script

| variable | meaning |
|---|---|
{% for names, meaning in start %}
| `{{ names | replace(", ", "`, `") }}` | {{ meaning | cell }} |
{% endfor %}

The health probe gives up after `PROBE_TIMEOUT` seconds (2). Options of uvicorn's own come from `UVICORN_…`,
as for its command line: `UVICORN_ROOT_PATH` is `--root-path`.

## The container's commands

| the words after the image | what runs |
|---|---|
| none, or `serve` | the application, after a check of its settings |
| `check` | the check alone |
| `migrate` | the migrations alone; an error where none is configured |
| the name of a worker | that worker |
| any other words | a program of the image, such as `python3` |
"""
# A line of the start script's own help: names, then the meaning after two blanks or more.
_HELP = re.compile(r"^ {4}([A-Z][A-Z_, ]*[A-Z])\s{2,}(\S.*)$", re.MULTILINE)


def place(root: Path) -> Path:
    """Return the file of a project's page: the one that is there, else docs/environment.md."""
    places = [root / name for name in PLACES]
    return next((path for path in places if path.is_file()), places[-1])


def start_script(text: str) -> list[tuple[str, str]]:
    """Return the variables of a start script with their meanings, from its source or its ``--help``."""
    return [(names, meaning.strip()) for names, meaning in _HELP.findall(text)]


def page(settings: Sequence[Mapping[str, Any]], start: Sequence[tuple[str, str]]) -> str:
    """Return the page; the settings are those of `drydock.gates.kubernetes.application`."""
    import jinja2

    writer = jinja2.Environment(  # noqa: S701 - Markdown, not HTML
        trim_blocks=True, keep_trailing_newline=True
    )
    writer.filters |= {"cell": _cell, "value": _value}
    return writer.from_string(PAGE).render(settings=settings, start=start)


def _value(default: object) -> str:
    if default is None or default == "":
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
