"""Limits for the answers of the model's endpoint, checked before the SDK reads them.

Without a length or chunks, a broken connection looks like the regular end of a response. A streamed
completion is complete only after a finish reason or the closing ``[DONE]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import cast

import httpx2

from todo_api.problems import Problem

# A compressed answer's bytes would reveal neither its size nor its end.
HEADERS = {"Accept-Encoding": "identity"}
_END = re.compile(rb'"finish_reason"\s*:\s*"|\[DONE\]')
_OVERLAP = 64  # bytes kept from one piece to the next, more than any match spans


class Guard:
    """Response hook of the HTTP client; `max_bytes` limits one response."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    async def __call__(self, response: httpx2.Response) -> None:
        """Guard a response's body before it is read; a Problem if it is not the requested stream."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _wrong("is compressed, which was not asked for")
        streamed = response.is_success and json.loads(response.request.content).get("stream") is True
        if streamed and not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise _wrong("is not the stream that was asked for")
        stream = cast(httpx2.AsyncByteStream, response.stream)
        response.stream = _Guarded(stream, self._max_bytes, must_end=streamed)


class _Guarded(httpx2.AsyncByteStream):
    """Raises if a body is too large, or ends before its completion does."""

    def __init__(self, inner: httpx2.AsyncByteStream, max_bytes: int, *, must_end: bool) -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._must_end = must_end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        tail = b""
        ended = not self._must_end
        async for piece in self._inner:
            received += len(piece)
            if received > self._max_bytes:
                raise Problem(
                    502,
                    "model-answer-too-long",
                    f"The model's answer is longer than {self._max_bytes} bytes; ask for less.",
                )
            if not ended:
                window = tail + piece
                ended = _END.search(window) is not None
                tail = window[-_OVERLAP:]
            yield piece
        if not ended:
            raise httpx2.RemoteProtocolError("the stream ended before the completion did")

    async def aclose(self) -> None:
        await self._inner.aclose()


def _wrong(fault: str) -> Problem:
    return Problem(502, "model-failed", f"The answer of the model's endpoint {fault}; try again.")
