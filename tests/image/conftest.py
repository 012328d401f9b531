from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from drydock.image.cache import Cache

# A busy machine is slow, which is no fault of what is tested.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(tmp_path / "cache")
