"""The page of environment variables, written from the settings that the application in the image lists."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Where the page is, below the project's folder; a new one goes to the last.
PLACES = ("docs/reference/environment.md", "docs/environment.md")
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

    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    writer = jinja2.Environment(  # noqa: S701 - Markdown, not HTML
        loader=folder, trim_blocks=True, keep_trailing_newline=True
    )
    writer.filters |= {"cell": _cell, "value": _value}
    return writer.get_template("environment.template").render(settings=settings, start=start)


def _value(default: object) -> str:
    if default is None or default == "":
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
