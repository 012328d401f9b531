"""Where drydock's own Dockerfile and the build's scripts lie: the one source of what other projects get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import drydock

PACKAGE = Path(drydock.__file__).parent
# A wheel carries the Dockerfile beside this module; in drydock's repository it lies at the top.
DOCKERFILES = (Path(__file__).parent / "source/Dockerfile", PACKAGE.parent / "Dockerfile")
SCRIPTS = PACKAGE / "container"
# Where the scripts lie in another project.
PLACE = "image"
# Locks of tools that one kind of project needs.
LOCK = re.compile(r"/install/([a-z]+)\.txt")


def dockerfile() -> str:
    """Return the Dockerfile that every other one is made of."""
    return next(path for path in DOCKERFILES if path.is_file()).read_text(encoding="utf-8")


def helpers(rendered: str) -> dict[str, str]:
    """Return the scripts of a Dockerfile's `drydock` stage, with the locks that it names: text by path."""
    named = set(LOCK.findall(rendered))
    return {
        f"{PLACE}/{path.relative_to(SCRIPTS).as_posix()}": path.read_text(encoding="utf-8")
        for path in _files()
        if path.suffix != ".txt" or path.stem in named
    }


def _files() -> Iterator[Path]:
    """Yield every script and lock."""
    for path in sorted(SCRIPTS.rglob("*")):
        if path.suffix in (".py", ".sh", ".txt") and "__pycache__" not in path.parts:
            yield path
