"""Walk a folder, skipping the files that the production image leaves out on purpose."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from assemble.tree import walk


def kept(folder: Path, table: dict[str, str]) -> Iterator[Path]:
    """Yield the files of a folder that its table does not leave out."""
    patterns = re.compile("|".join(fnmatch.translate(f"{folder}/{pattern}") for pattern in table))
    return walk(folder, lambda path: not patterns.match(path))
