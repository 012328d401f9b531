"""The interface between a verifier and its source of keys."""

from __future__ import annotations

from typing import Protocol

from jwt import PyJWK


class UnknownKey(Exception):
    """The issuer has no such key for this algorithm."""


class KeysUnavailable(Exception):
    """The key is unknown and the issuer cannot be asked now; retry after `retry_after` seconds."""

    def __init__(self, retry_after: float = 2) -> None:
        super().__init__()
        self.retry_after = retry_after


class KeySource(Protocol):
    """A verifier's source of keys."""

    async def find(self, kid: str, algorithm: str) -> PyJWK:
        """Return a key; raise UnknownKey if there is none, KeysUnavailable if the source cannot tell now."""
        ...
