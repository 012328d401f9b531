"""Walk a folder without what the production image leaves out on purpose."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from assemble.tree import walk


def kept(folder: Path, table: dict[str, str]) -> Iterator[Path]:
    """Yield what is left of a folder without what its table leaves out."""
    patterns = re.compile("|".join(fnmatch.translate(f"{folder}/{pattern}") for pattern in table))
    return walk(folder, lambda path: not patterns.match(path))
