"""Find the project that a folder belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drydock.project import FILE, table

MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile", "Dockerfile")


def around(folder: Path) -> Path:
    """Return the project around a folder, up to the top of its git repository; else the folder itself.

    A drydock configuration decides for the folders of its source; elsewhere the nearest manifest does.
    """
    above = list(_upwards(folder))
    configured = (place for place in above if _decides(place, folder))
    described = (place for place in above if any((place / name).is_file() for name in MANIFESTS))
    return next(configured, None) or next(described, folder)


def _decides(place: Path, folder: Path) -> bool:
    given = table(place)
    if not given and not (place / FILE).is_file():
        return False
    return folder == place or folder.is_relative_to(place / str(given.get("source", ".")))


def _upwards(folder: Path) -> Iterator[Path]:
    for place in (folder, *folder.parents):
        yield place
        if (place / ".git").exists():
            return
