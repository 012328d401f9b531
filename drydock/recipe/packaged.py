"""Find the scripts of the build and of the image in this package."""

import hashlib
import re
from pathlib import Path

import drydock
from drydock import state
from drydock.recipe import writing

SCRIPTS = Path(drydock.__file__).parent / "container"
# Locks of tools that only one kind of project needs.
LOCK = re.compile(r"/install/([a-z]+)\.txt")


def files() -> dict[str, str]:
    """Return every script and lock: text by path."""
    paths = (path for path in sorted(SCRIPTS.rglob("*")) if path.suffix in (".py", ".sh", ".txt"))
    own = (path for path in paths if "__pycache__" not in path.parts)
    return {path.relative_to(SCRIPTS).as_posix(): path.read_text(encoding="utf-8") for path in own}


def helpers(rendered: str, place: str) -> dict[str, str]:
    """Return a Dockerfile's scripts and the locks that it names: text by path below a folder."""
    named = set(LOCK.findall(rendered))
    return {
        f"{place}/{path}": text
        for path, text in files().items()
        if not path.endswith(".txt") or Path(path).stem in named
    }


def folder() -> Path:
    """Return a folder with the scripts, without bytecode, for the build context `drydock`."""
    found = files()
    digest = hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:32]
    place = state.cache("recipes") / f"scripts-{digest}"
    writing.write(place, writing.changes(place, found))
    for path in found:
        state.use(place / path)
    return place
