"""Where drydock's own Dockerfile and image/ lie: the one source of what other projects get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
# A wheel carries them beside this module; in drydock's repository they stand at the top.
SOURCE = HERE / "source" if (HERE / "source").is_dir() else HERE.parent.parent
TOOLS = HERE / "tools"
# What every Dockerfile runs, copies or binds.
HELPERS = ("start.py", "probe.py", "download.sh", "difference.py", "divide.py", "uv.txt")


def dockerfile() -> str:
    """Return the Dockerfile that every other one is made of."""
    return (SOURCE / "Dockerfile").read_text(encoding="utf-8")


def helpers(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file that the Dockerfile needs from image/.

    Args:
        kind: Where the dependencies are locked; some lock files need their own tool.
    """
    image = SOURCE / "image"
    paths = [image / name for name in HELPERS] + sorted((image / "assemble").glob("*.py"))
    for path in paths:
        yield f"image/{path.relative_to(image).as_posix()}", path.read_text(encoding="utf-8")
    if (tool := TOOLS / f"{kind}.txt").is_file():
        yield f"image/{kind}.txt", tool.read_text(encoding="utf-8")
