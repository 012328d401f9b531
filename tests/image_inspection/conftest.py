from __future__ import annotations

from pathlib import Path

import pytest

from drydock.image.cache import Cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(tmp_path / "cache")
