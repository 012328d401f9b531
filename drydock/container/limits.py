"""Limits that uvicorn does not set: the size of a request's head, and the seconds until it has arrived.

Without them, a few connections with an endless header each use up all memory, and silent connections stay
open for ever.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

HEAD_BYTES = 65_536
HEAD_SECONDS = 60
ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 34\r\n\r\nThe request's headers are too big."
)
PROTOCOLS = {
    "httptools": ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol"),
    "h11": ("uvicorn.protocols.http.h11_impl", "H11Protocol"),
}
# Calls of httptools' parser after which it keeps no earlier bytes.
PROGRESS = ("on_message_begin", "on_headers_complete", "on_body", "on_message_complete")


class TooLarge(Exception):
    """A request's head exceeds HEAD_BYTES."""


def install(chosen: str = "auto") -> None:
    """Set the limits for every connection of this process.

    `chosen` is uvicorn's option `http`; `auto` prefers httptools to h11, as uvicorn does.
    """
    for name in [chosen] if chosen in PROTOCOLS else PROTOCOLS:
        module, attribute = PROTOCOLS[name]
        try:
            protocol = getattr(importlib.import_module(module), attribute)
        except ImportError:  # a bare uvicorn has no httptools
            continue
        if not hasattr(protocol, "_drydock"):
            protocol._drydock = True
            _limit(protocol)
        return


def _limit(protocol: Any) -> None:
    made, received, lost = protocol.connection_made, protocol.data_received, protocol.connection_lost
    # uvicorn before 0.15 has none: it closes the connection without an answer.
    refused = getattr(protocol, "send_400_response", None)
    counted = hasattr(protocol, "on_header")

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        self._kept = self._head = 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, _end_slow, self)

    def data_received(self: Any, data: bytes) -> None:
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._deadline = self.loop.call_later(HEAD_SECONDS, _end_slow, self)
        before = self.cycle
        self._kept += len(data)
        received(self, data)
        if self.cycle is not before or self.transport.get_protocol() is not self:
            _cancel(self)
        if counted and self._kept > HEAD_BYTES and not self.transport.is_closing():
            _answer(self)

    def connection_lost(self: Any, error: Exception | None) -> None:
        _cancel(self)
        lost(self, error)

    def send_400_response(self: Any, message: str) -> None:
        reason = sys.exc_info()[1]
        cause = getattr(reason, "__context__", None)
        if getattr(reason, "error_status_hint", 0) == 431 or isinstance(cause, TooLarge):
            _answer(self)
        elif refused:
            refused(self, message)

    protocol.connection_made, protocol.data_received = connection_made, data_received
    protocol.connection_lost, protocol.send_400_response = connection_lost, send_400_response
    if counted:
        _count(protocol)


def _count(protocol: Any) -> None:
    """Count the bytes that httptools keeps: the parsed parts of a head, and bytes not yet parsed."""
    url, header = protocol.on_url, protocol.on_header

    def add(self: Any, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES:
            raise TooLarge

    def on_url(self: Any, part: bytes) -> None:
        add(self, len(part))
        url(self, part)

    def on_header(self: Any, name: bytes, value: bytes) -> None:
        self._kept = 0
        add(self, len(name) + len(value))
        header(self, name, value)

    protocol.on_url, protocol.on_header = on_url, on_header
    for name in PROGRESS:
        own = getattr(protocol, name, None)  # uvicorn before 0.15 lacks the first
        setattr(protocol, name, _progress(own, begins=name == "on_message_begin"))


def _progress(own: Any, *, begins: bool) -> Any:
    def called(self: Any, *arguments: object) -> None:
        self._kept = 0
        if begins:
            self._head = 0
        if own:
            own(self, *arguments)

    return called


def _answer(self: Any) -> None:
    """Refuse the request; while an earlier one on this connection is being answered, only close it."""
    if self.cycle is None or self.cycle.response_complete:
        self.transport.write(ANSWER)
    self.transport.close()


def _end_slow(self: Any) -> None:
    self._deadline = None
    if not self.transport.is_closing():
        self.transport.close()


def _cancel(self: Any) -> None:
    if self._deadline is not None:
        self._deadline.cancel()
        self._deadline = None
