"""Convert refusals of the MCP transport to problem details; JSON-RPC answers stay unchanged."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from todo_api.problems import Problem, as_response

# By status: the transport refuses with these before it has read a JSON-RPC request.
_REFUSALS: Mapping[int, tuple[str, str]] = {
    403: ("origin-refused", "Pages of this Origin may not use the tools."),
    405: ("method-not-allowed", "This path takes POST alone."),
    406: ("not-acceptable", "Send Accept: application/json, text/event-stream."),
    413: ("body-too-large", "The body is too large; send less."),
    415: ("unsupported-media-type", "The body is not JSON; send application/json."),
    421: ("unknown-host", "The service does not answer under this Host; use its public address."),
}
_OTHER = ("invalid-request", "The request is not one of MCP's streamable HTTP transport.")


def with_problems(scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a ``send`` that turns the transport's refusals into problems."""
    problem: Problem | None = None

    async def translated(message: Message) -> None:
        nonlocal problem
        if message["type"] == "http.response.start":
            problem = _problem(scope, message)
        if problem is None:
            await send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            await as_response(problem, scope["path"])(scope, receive, send)

    return translated


def _problem(scope: Scope, start: Message) -> Problem | None:
    status = start["status"]
    headers = Headers(raw=start["headers"])
    is_json = headers.get("content-type", "").startswith(("application/json", "application/problem+json"))
    if status < 400 or (is_json and status not in _REFUSALS):
        return None
    if status == 400 and not Headers(scope=scope).get("content-type", "").startswith("application/json"):
        status = 415
    kind, detail = _REFUSALS.get(status, _OTHER)
    kept = {name: headers[name] for name in ("allow",) if name in headers}
    return Problem(status, kind, detail, headers=kept)
