"""Error responses for the OpenAPI document: each possible status of an operation, with an example."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from todo_api.problems import MEDIA_TYPE, TYPE_PREFIX, ProblemDetails

_REASONS = {
    401: ("unauthenticated", "The request carries no bearer token; send Authorization: Bearer and a token."),
    403: ("forbidden", "The token belongs to a user other than the one in the path."),
    404: ("not-found", "There is no task 7."),
    405: ("method-not-allowed", "This path does not take PATCH; see the Allow header."),
    409: ("in-progress", "The first request with this Idempotency-Key is still running; try again."),
    412: ("precondition-failed", "The task is no longer the version that If-Match names; read it again."),
    413: ("body-too-large", "The body is larger than 65536 bytes; send less."),
    415: ("unsupported-media-type", "The body is text/plain; send application/json."),
    422: ("invalid-request", "The request has a wrong value."),
    428: ("precondition-required", "Send If-Match with the ETag of the task as you last read it."),
    429: ("rate-limited", "Too many requests from this user; slow down and try again later."),
    500: ("internal-error", "The service failed; report the request id."),
    502: ("model-failed", "The model's endpoint answered with an error."),
    503: ("database-unavailable", "The database does not answer; try again."),
    504: ("model-timeout", "The model did not answer in time; try again."),
}


def operation_id(route: APIRoute) -> str:
    """Return an operation's name in generated clients."""
    return route.name


def header(description: str, **schema: Any) -> dict[str, Any]:
    """Return the documentation of a response header; its type is text by default."""
    return {"description": description, "schema": {"type": "string", **schema}}


_LIMIT_HEADERS = {
    "RateLimit": header('The remainder of each limit, as in `"requests";r=599;t=1`; absent without limits.'),
    "RateLimit-Policy": header('Each limit, as in `"requests";q=600;w=60`; absent without limits.'),
}
_RETRY_HEADER = {"Retry-After": header("Seconds after which to try again.", type="integer", minimum=1)}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "JWT from Better Auth's `/api/auth/token`.",
}
_ALWAYS = (401, 403, 422, 429, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of an operation under /api: the usual ones and further statuses."""
    return {status: problem_response(status) for status in sorted({*_ALWAYS, *statuses})}


def problem_response(status: int) -> dict[str, Any]:
    kind, detail = _REASONS[status]
    example = {
        "type": f"{TYPE_PREFIX}{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": "/api/ada/tasks",
        "request_id": "6d1f0c2e",
    }
    if status == 422:
        example["errors"] = [
            {"in": "body", "pointer": "#/title", "detail": "String should have at least 1 character"}
        ]
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "example": example}
        },
    }
    if status in (409, 429, 503):
        response["headers"] = dict(_RETRY_HEADER)
    return response


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, which is made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            servers=app.servers,
        )
        model = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components |= model.pop("$defs", {})
        components["ProblemDetails"] = model
        schema["components"]["securitySchemes"] = {"BetterAuth": _BEARER}
        for path, operations in schema["paths"].items():
            if path.startswith("/api/"):
                for operation in operations.values():
                    operation["security"] = [{"BetterAuth": []}]
                    for status, response in operation["responses"].items():
                        if status < "300" or status == "429":
                            response.setdefault("headers", {}).update(_LIMIT_HEADERS)
        app.openapi_schema = schema
    return app.openapi_schema
