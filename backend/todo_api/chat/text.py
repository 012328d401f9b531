"""Text of models: it may not even be valid Unicode."""

from __future__ import annotations

from typing import Any


def storable(text: str) -> str:
    """Return text that PostgreSQL and UTF-8 can represent.

    NUL is removed. The halves of a surrogate pair become their character, a lone half becomes U+FFFD.
    """
    text = text.replace("\0", "")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable_value(value: Any) -> Any:
    """Return a JSON value with only storable texts."""
    match value:
        case str():
            return storable(value)
        case list():
            return [storable_value(item) for item in value]
        case dict():
            return {storable(str(name)): storable_value(item) for name, item in value.items()}
    return value
