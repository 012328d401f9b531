"""Unpack archives that tests created."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path


def unpack(archive: tarfile.TarFile, folder: Path, members: Iterable[tarfile.TarInfo] | None = None) -> None:
    """Unpack an archive, all members by default; Python before 3.11.4 has no filters, and trusts these."""
    archive.extraction_filter = getattr(tarfile, "tar_filter", None)
    archive.extractall(folder, members)  # noqa: S202 - the tests created it
