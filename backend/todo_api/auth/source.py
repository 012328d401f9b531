"""The interface between a verifier and its source of keys."""

from __future__ import annotations

from typing import Protocol

from jwt import PyJWK


class UnknownKey(Exception):
    """The issuer has no such key for such an algorithm."""


class KeysUnavailable(Exception):
    """The key is not known and the issuer cannot be asked now.

    Args:
        retry_after: Seconds after which asking again makes sense.
    """

    def __init__(self, retry_after: float = 2) -> None:
        super().__init__()
        self.retry_after = retry_after


class KeySource(Protocol):
    """Where a verifier finds the key that a token names."""

    async def find(self, kid: str, algorithm: str) -> PyJWK:
        """Return the key.

        Raises:
            UnknownKey: When there is none.
            KeysUnavailable: When that cannot be told now.
        """
        ...
