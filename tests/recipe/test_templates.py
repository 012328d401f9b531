"""Compiled templates stay in the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.recipe.templates import fill


@pytest.mark.parametrize("writable", [True, False])
def test_templates_are_compiled_once_where_the_cache_can_be_written(
    writable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    if not writable:
        cache.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    text = fill("kubernetes/base/namespace.yaml", {"name": "shop"})

    assert "name: shop\n" in text
    assert len(list((cache / "drydock/templates").glob("*"))) == writable
