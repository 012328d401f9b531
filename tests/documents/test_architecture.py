"""docs/background/architecture.md against the layers' contract and the import graph."""

from __future__ import annotations

from docs import architecture


def test_the_page_shows_the_layers_and_imports_of_today() -> None:
    text = architecture.PAGE.read_text(encoding="utf-8")

    assert architecture.page(text) == text
