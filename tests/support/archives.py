"""Unpack archives that the tests themselves made."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path


def unpack(archive: tarfile.TarFile, folder: Path, members: Iterable[tarfile.TarInfo] | None = None) -> None:
    """Unpack an archive; Python 3.11 before its fourth release knows no filters, and needs none here.

    Args:
        archive: It is open.
        folder: Where to.
        members: What to unpack; None for everything.
    """
    archive.extraction_filter = getattr(tarfile, "tar_filter", None)
    archive.extractall(folder, members)  # noqa: S202 - of this test's making
