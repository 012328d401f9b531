"""The issuer's public keys: fetched without blocking, rotated without a restart, bounded in every way."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from todo_api import metrics
from todo_api.auth.source import KeysUnavailable, UnknownKey
from todo_api.settings import Settings

logger = logging.getLogger(__name__)

MAX_JWKS_BYTES = 256 * 1024
# While no key is known, the address is asked again after this time.
FIRST_KEYS_RETRY_SECONDS = 1.0
REMEMBERED_UNKNOWN_IDS = 1000

# The algorithms of a key that names none: never those of another family.
_BY_CURVE: Mapping[str, tuple[str, ...]] = {
    "Ed25519": ("EdDSA",),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
}
_BY_TYPE: Mapping[str, tuple[str, ...]] = {"RSA": ("RS256", "PS256")}

type Fetch = Callable[[], Awaitable[bytes]]
type Keys = Mapping[tuple[str, str], PyJWK]


class JwksKeys:
    """Keys from a JWKS address.

    Fresh keys are used as they are. Stale ones are used for the stale time, and fetched again in the
    background. An unknown key id may be a new key's: only a fetch that begins after its request can tell.
    Such fetches keep a pause between them, and each serves all ids that wait. So made-up ids neither multiply
    the fetches nor keep a new key out. Only a pause beyond the time limit of a fetch is not waited for: the
    caller is told to retry, and the fetch happens at the pause's end without another request.
    """

    def __init__(
        self, fetch: Fetch, settings: Settings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Use ``fetch`` for the document and ``clock`` (seconds) for ages."""
        self._fetch = fetch
        self._clock = clock
        self._fresh = settings.auth_jwks_fresh
        self._stale = settings.auth_jwks_stale
        self._pause = settings.auth_jwks_cooldown
        self._patience = settings.auth_jwks_timeout
        self._keys: Keys = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._searched_at = float("-inf")
        # Ids missing from the newest document.
        self._missing: set[str] = set()
        self._refresh: asyncio.Task[bool] | None = None
        self._next_search: asyncio.Task[bool] | None = None

    async def find(self, kid: str, algorithm: str) -> PyJWK:
        """Return the key of a token (see KeySource)."""
        if not self._usable():
            if self._clock() - self._tried_at >= FIRST_KEYS_RETRY_SECONDS or self._refreshing():
                await self.refresh()
            if not self._usable():
                raise KeysUnavailable
        elif self._age() > self._fresh and self._clock() - self._tried_at >= self._pause:
            self._start_refresh()
        if key := self._keys.get((kid, algorithm)):
            return key
        if any(known == kid for known, _ in self._keys):
            raise UnknownKey  # a known key with an algorithm that is not its own
        remaining = self._searched_at + self._pause - self._clock()
        if remaining > 0 and kid in self._missing:
            raise UnknownKey
        search = self._search_in(remaining)
        if remaining > self._patience:
            raise KeysUnavailable(remaining)
        # Shielded: a caller that leaves must not cancel the fetch for the others.
        fetched = await asyncio.shield(search)
        if key := self._keys.get((kid, algorithm)):
            return key
        if not fetched:
            raise KeysUnavailable
        if len(self._missing) < REMEMBERED_UNKNOWN_IDS:
            self._missing.add(kid)
        raise UnknownKey

    def _search_in(self, seconds: float) -> asyncio.Task[bool]:
        """Fetch the keys after a pause, for every unknown id until then; tell whether it succeeded."""

        async def search() -> bool:
            await asyncio.sleep(seconds)
            if self._refreshing():
                await self.refresh()  # it began before some of the ids were known
            self._next_search = None
            self._searched_at = self._clock()
            return await self.refresh()

        if self._next_search is None:
            self._next_search = asyncio.create_task(search())
        return self._next_search

    async def warm_up(self) -> None:
        """Fetch the keys before the first request, unless a request was faster."""
        if not self._usable():
            await self.refresh()

    async def refresh(self) -> bool:
        """Fetch the keys, or wait for the current fetch; tell whether it succeeded."""
        # Shielded, too.
        return await asyncio.shield(self._start_refresh())

    def _start_refresh(self) -> asyncio.Task[bool]:
        if self._refresh is None or self._refresh.done():
            self._tried_at = self._clock()
            self._refresh = asyncio.create_task(self._load())
        return self._refresh

    async def _load(self) -> bool:
        try:
            keys = parse_jwks(await self._fetch())
        except Exception as error:  # any failure of network or document: known keys stay in use
            metrics.JWKS_FETCHES.labels("failed").inc()
            logger.warning("keys could not be fetched", extra={"error": f"{type(error).__name__}: {error}"})
            return False
        metrics.JWKS_FETCHES.labels("ok").inc()
        # A key that is still listed stays the same object, so its proofs stay valid.
        self._keys = {
            name: known if (known := self._keys.get(name)) and known.key == key.key else key
            for name, key in keys.items()
        }
        self._missing.clear()
        self._fetched_at = self._clock()
        return True

    def _refreshing(self) -> bool:
        return self._refresh is not None and not self._refresh.done()

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _usable(self) -> bool:
        return bool(self._keys) and self._age() <= self._fresh + self._stale


def parse_jwks(document: bytes) -> Keys:
    """Return the public signature keys of a JWKS document by key id and algorithm.

    A ValueError means that the document is not a JWKS or holds no usable key.
    """
    listed = json.loads(document)
    entries = listed.get("keys") if isinstance(listed, dict) else None
    keys: dict[tuple[str, str], PyJWK] = {}
    for entry in entries if isinstance(entries, list) else ():
        if (
            not isinstance(entry, dict)
            or entry.get("use", "sig") != "sig"
            or not isinstance(entry.get("kid"), str)
        ):
            continue
        for algorithm in algorithms_of(entry):
            try:
                keys[entry["kid"], algorithm] = PyJWK(entry, algorithm=algorithm)
            except PyJWTError:
                logger.warning("a listed key cannot be used", extra={"kid": entry["kid"]})
    if not keys:
        raise ValueError("the document lists no usable key")
    return keys


def algorithms_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the algorithms that a listed key may verify; none for symmetric keys."""
    possible: tuple[str, ...] = _BY_TYPE.get(str(entry.get("kty")), ())
    possible = possible or _BY_CURVE.get(str(entry.get("crv")), ())
    named = entry.get("alg")
    if named is None:
        return possible
    return (named,) if named in possible else ()


def http_fetch(url: str, timeout: float) -> Fetch:
    """Return a function that fetches the JWKS document; `timeout` is the seconds for the whole fetch."""

    async def fetch() -> bytes:
        # In a thread: the first import of an HTTP client would delay every request.
        httpx2 = await asyncio.to_thread(__import__, "httpx2")
        async with (
            asyncio.timeout(timeout),
            httpx2.AsyncClient(follow_redirects=False, timeout=timeout) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_JWKS_BYTES:
                    raise ValueError(f"the document is larger than {MAX_JWKS_BYTES} bytes")
            return bytes(body)

    return fetch
