"""Where drydock's own Dockerfile and image/ lie: the one source of what other projects get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
# A wheel carries them beside this module; in drydock's repository they stand at the top.
SOURCE = HERE / "source" if (HERE / "source").is_dir() else HERE.parent.parent
TOOLS = HERE / "tools"
HELPER = re.compile(r"\bimage/([a-z_]+(?:\.[a-z]+)?)")


def dockerfile() -> str:
    """Return the Dockerfile that every other one is made of."""
    return (SOURCE / "Dockerfile").read_text(encoding="utf-8")


def helpers(rendered: str) -> dict[str, str]:
    """Return what a Dockerfile runs, copies or binds from image/: text by path."""
    return {
        f"image/{place.relative_to(root).as_posix()}": place.read_text(encoding="utf-8")
        for name in sorted(set(HELPER.findall(rendered)))
        for root, place in _found(name)
    }


def _found(name: str) -> Iterator[tuple[Path, Path]]:
    """Yield the file of a name, or every script of a folder, after the folder that it is relative to."""
    for root in (SOURCE / "image", TOOLS):
        place = root / name
        files = [place] if place.is_file() else sorted(place.glob("*.py"))
        yield from ((root, file) for file in files)
