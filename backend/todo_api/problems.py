"""Errors as RFC 9457 problem details: one class to raise, one function that renders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from todo_api.logs import request_id

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:todo-chatbot-api:problem:"
RETRY_AFTER_SECONDS = 2
# Characters that a path contains unencoded (RFC 3986).
PATH_CHARACTERS = "/-._~!$&'()*+,;=:@"


type Place = Literal["body", "query", "path", "header"]


class FieldError(BaseModel):
    """One wrong value in a request."""

    model_config = ConfigDict(populate_by_name=True)

    place: Place = Field(alias="in", description="The part of the request that holds it.")
    pointer: str = Field(
        description="JSON Pointer (RFC 6901), as a URI fragment, to the value; `#` is the whole body."
    )
    detail: str = Field(description="The fault.")


def json_pointer(parts: Iterable[object]) -> str:
    """Return the JSON Pointer to a value, as a URI fragment."""
    tokens = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "#" + "".join(f"/{quote(token, safe='~', errors='replace')}" for token in tokens)


class ProblemDetails(BaseModel):
    """Body of every error (RFC 9457)."""

    model_config = ConfigDict(title="ProblemDetails")

    type: str = Field(description="URN of the kind of problem; stable, made for programs.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What happened this time and what to do next.")
    instance: str | None = Field(default=None, description="Path of the request.")
    request_id: str | None = Field(default=None, description="Id under which the logs know the request.")
    errors: list[FieldError] | None = Field(default=None, description="Each wrong value, for status 422.")
    conversation_id: int | None = Field(default=None, description="The conversation of a turn that failed.")
    tool_calls: list[dict[str, Any]] | None = Field(
        default=None, description="Changes that a turn made before it failed."
    )


class Problem(Exception):
    """An error for the client.

    Args:
        kind: Last part of the problem's ``type``.
        detail: The fact and the next step.
        headers: Further response headers.
        errors: Each wrong value of the request.
        members: Further members of the body.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors)
        self.members = dict(members or {})


def unavailable(kind: str, detail: str, *, retry_after: float = RETRY_AFTER_SECONDS) -> Problem:
    """Return a 503 with the time of the next attempt."""
    return Problem(503, kind, detail, headers={"Retry-After": str(max(1, math.ceil(retry_after)))})


def rate_limited(detail: str, wait: float) -> Problem:
    """Return a 429 with the seconds until the next request is allowed."""
    return Problem(429, "rate-limited", detail, headers={"Retry-After": str(math.ceil(wait))})


def in_progress(kind: str, detail: str) -> Problem:
    """Return a 409 for work that another request is doing."""
    return Problem(409, kind, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def invalid(place: Place, name: str, detail: str) -> Problem:
    """Return the 422 for one wrong value; an empty name means its whole part of the request."""
    return Problem(
        422,
        "invalid-request",
        "The request has a wrong value.",
        errors=[FieldError(place=place, pointer=json_pointer([name] if name else []), detail=detail)],
    )


def as_body(problem: Problem, path: str | None) -> dict[str, Any]:
    return ProblemDetails(
        type=f"{TYPE_PREFIX}{problem.kind}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=None if path is None else quote(path, safe=PATH_CHARACTERS),
        request_id=request_id.get(),
        errors=problem.errors or None,
        **problem.members,
    ).model_dump(exclude_none=True, by_alias=True)


def as_response(problem: Problem, path: str) -> JSONResponse:
    return JSONResponse(
        as_body(problem, path), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )
