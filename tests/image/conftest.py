from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from drydock.image.cache import Cache

# Tests must not fail because a busy machine is slow.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")
