"""Probes and metrics."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import SecretStr

from todo_api import metrics
from todo_api.api.openapi import operation_id
from todo_api.api.schemas import Health
from todo_api.db.engine import Database, Unavailable
from todo_api.db.migrate import is_current
from todo_api.problems import RETRY_AFTER_SECONDS, Problem

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)

_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {
        "model": Health,
        "description": "Not ready to serve; `checks` says why.",
        "content": {
            "application/json": {
                "example": {
                    "status": "unavailable",
                    "checks": {"database": "unreachable", "mcp": "ready", "agent": "ready"},
                }
            }
        },
    }
}


@router.head("/livez", include_in_schema=False)
@router.get("/livez", summary="Liveness")
async def livez() -> Health:
    """Answer as long as the process can answer; asks nothing else, so a database outage restarts nothing."""
    return Health(status="alive")


@router.head("/readyz", include_in_schema=False)
@router.head("/health", include_in_schema=False)
@router.get(
    "/health",
    name="health",
    summary="Readiness, under its older name",
    response_model=Health,
    responses=_NOT_READY,
)
@router.get("/readyz", summary="Readiness", response_model=Health, responses=_NOT_READY)
async def readyz(request: Request) -> Response:
    """Tell whether requests can be served: the database answers with a new enough schema, MCP has not failed,
    and the process is not about to end.

    `agent` is for the reader: without it everything but chat still works, and each chat tries it again.
    """
    state = request.app.state
    checks = {
        "database": await _database(state.database),
        "mcp": state.mcp.state,
        "agent": state.agents.state,
    }
    if state.lifecycle.draining:
        status = "draining"
    elif checks["database"] == "ok" and checks["mcp"] != "failed":
        status = "ready"
        state.lifecycle.ready.set()
    else:
        status = "unavailable"
    ready = status == "ready"
    return JSONResponse(
        {"status": status, "checks": checks},
        status_code=200 if ready else 503,
        headers={} if ready else {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


async def _database(database: Database) -> str:
    try:
        revision = await database.revision()
    except Unavailable:
        return "unreachable"
    return "ok" if is_current(revision) else "schema is not migrated"


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Return Prometheus metrics to the bearer of METRICS_TOKEN; without that setting to a direct caller.

    A request that came through a proxy is from outside the cluster: for it the path does not exist.
    """
    expected: SecretStr | None = request.app.state.settings.metrics_token
    if expected is not None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {expected.get_secret_value()}".encode()):
            raise Problem(
                401,
                "unauthenticated",
                "Metrics need the token that was set for them; send it as Authorization: Bearer.",
                headers={"WWW-Authenticate": "Bearer"},
            )
    elif any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via")):
        raise Problem(404, "not-found", "There is nothing here.")
    body, media_type = metrics.render()
    return Response(body, media_type=media_type)
