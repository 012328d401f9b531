"""The outermost layer: request ids, the request log, metrics, and the handling of crashes."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_api import metrics
from todo_api.logs import request_id
from todo_api.problems import Problem, as_response

logger = logging.getLogger("todo_api.requests")

HEADER = "X-Request-ID"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class Observe:
    """Middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: give it an id, measure it, log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        current = given if _ACCEPTED_ID.fullmatch(given) else os.urandom(16).hex()
        context = request_id.set(current)
        started = time.perf_counter()
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER] = current
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        metrics.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, observed)
        finally:
            metrics.IN_FLIGHT.dec()
            record(scope, status, time.perf_counter() - started)
            request_id.reset(context)


class Crash:
    """Middleware that turns a crash into a problem, below the layers that add headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; if it is too late for an answer, the server ends the connection."""
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception:
            if scope["type"] != "http":
                raise
            logger.exception("request failed", extra={"method": scope["method"], "path": scope["path"]})
            if begun:
                raise
            problem = Problem(500, "internal-error", "The service failed; report the request id.")
            await as_response(problem, scope["path"])(scope, receive, send)


def is_probe(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether a request is the platform's frequent probe, which needs no log line or trace."""
    return scope.get("path") in _PROBES


def record(scope: Scope, status: int, seconds: float) -> None:
    """Count and log one request; probes only at DEBUG."""
    # A plain route such as /mcp does not record its name.
    unnamed = "/mcp" if scope["path"] == "/mcp" else "unmatched"
    route = getattr(scope.get("route"), "path", None) or unnamed
    method = scope["method"] if scope["method"] in _KNOWN_METHODS else "OTHER"
    metrics.REQUESTS.labels(method, route, status or "cancelled").inc()
    metrics.DURATION.labels(method, route).observe(seconds)
    level = logging.DEBUG if is_probe(scope) else logging.INFO
    if logger.isEnabledFor(level):
        logger.log(
            level,
            "request",
            extra={
                "method": method,
                "path": scope["path"],
                "route": route,
                "status": status or "cancelled",
                "milliseconds": round(seconds * 1000, 1),
                "client": (scope.get("client") or ("-",))[0],
            },
        )
