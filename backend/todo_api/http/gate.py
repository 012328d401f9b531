"""The gate before every protected path: checks user, rate and size of requests."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_api.auth.source import KeysUnavailable
from todo_api.auth.tokens import InvalidToken, Principal, TokenVerifier
from todo_api.http.rate import RateLimit, add_headers
from todo_api.problems import Problem, as_response, unavailable

PRINCIPAL = "todo_api.principal"
PROTECTED = ("/api/", "/mcp")
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


class Gate:
    """Middleware that admits only verified users to protected paths, before reading their bodies.

    The body limit applies to every path.
    """

    def __init__(
        self, app: ASGIApp, *, verifier: TokenVerifier, rate_limit: RateLimit, max_body_bytes: int
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._rate_limit = rate_limit
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or pass the request on with its principal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        headers = Headers(scope=scope)

        async def limited(message: Message) -> None:
            add_headers(scope, message)
            await send(message)

        try:
            _check_repeated(scope)
            if path.startswith(PROTECTED):
                scope[PRINCIPAL] = principal = await self._identify(headers, path, scope)
                self._rate_limit.enforce(
                    principal.user_id,
                    scope,
                    "Too many requests from this user; slow down and try again later.",
                )
            self._check_length(headers)
        except Problem as problem:
            await as_response(problem, path)(scope, receive, limited)
            return
        await self._app(scope, self._limited(receive), limited)

    async def _identify(self, headers: Headers, path: str, scope: Scope) -> Principal:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        challenge = "Bearer"
        if path.startswith("/mcp"):
            challenge += f' resource_metadata="{metadata_url(scope)}"'
        if scheme.lower() != "bearer" or not token:
            raise Problem(
                401,
                "unauthenticated",
                "The request carries no bearer token; send Authorization: Bearer and a token.",
                headers={"WWW-Authenticate": challenge},
            )
        try:
            return await self._verifier.verify(token.strip(), at_mcp=path.startswith("/mcp"))
        except InvalidToken as error:
            separator = "," if " " in challenge else ""
            raise Problem(
                401,
                "invalid-token",
                f"Not accepted: {error}; get a new one from the sign-in service.",
                headers={"WWW-Authenticate": f'{challenge}{separator} error="invalid_token"'},
            ) from None
        except KeysUnavailable as error:
            raise unavailable(
                "keys-unavailable",
                "The sign-in service's keys cannot be fetched now; try again.",
                retry_after=error.retry_after,
            ) from None

    def _check_length(self, headers: Headers) -> None:
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_body_bytes:
            raise self._too_large()

    def _limited(self, receive: Receive) -> Receive:
        """Count the bytes of a body without a declared length."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                problem = self._too_large()
                raise HTTPException(problem.status, problem.detail)
            return message

        return limited

    def _too_large(self) -> Problem:
        return Problem(
            413, "body-too-large", f"The body is larger than {self._max_body_bytes} bytes; send less."
        )


# A proxy may have used the other of two values (RFC 9110, RFC 9112).
_ONCE = (b"host", b"authorization")


def _check_repeated(scope: Scope) -> None:
    names = [name for name, _ in scope["headers"] if name in _ONCE]
    if len(names) != len(set(names)):
        raise Problem(400, "repeated-header", "Host and Authorization can each be sent once; send one.")


def metadata_url(scope: Scope) -> str:
    """Return the URL of /mcp's protected-resource metadata (RFC 9728)."""
    return f"{public_url(scope)}/.well-known/oauth-protected-resource/mcp"


def public_url(scope: Scope) -> str:
    """Return the service's address for the client, without a trailing slash."""
    configured: str | None = scope["app"].state.settings.public_url
    if configured:
        return configured.rstrip("/")
    host = Headers(scope=scope).get("host", "")
    return f"{scope['scheme']}://{host if _HOST.fullmatch(host) else 'localhost'}"
