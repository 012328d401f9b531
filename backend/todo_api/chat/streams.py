"""A stream that ends too early must not pass for a whole answer.

Without a length or chunks, a connection that is cut looks like the regular end of a response. A completion
has ended only when it said so: by a finish reason or by the closing ``[DONE]``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import cast

import httpx2

_END = re.compile(rb'"finish_reason"\s*:\s*"|\[DONE\]')
_OVERLAP = 64  # bytes kept from one piece to the next, more than any match spans


async def guard(response: httpx2.Response) -> None:
    """Guard the stream of a response (a response hook of the HTTP client)."""
    if response.is_success and response.headers.get("content-type", "").startswith("text/event-stream"):
        response.stream = _Guarded(cast(httpx2.AsyncByteStream, response.stream))


class _Guarded(httpx2.AsyncByteStream):
    """Raises where the stream ends before its completion does."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        tail = b""
        ended = False
        async for piece in self._inner:
            window = tail + piece
            ended = ended or _END.search(window) is not None
            tail = window[-_OVERLAP:]
            yield piece
        if not ended:
            raise httpx2.RemoteProtocolError("the stream ended before the completion did")

    async def aclose(self) -> None:
        await self._inner.aclose()
