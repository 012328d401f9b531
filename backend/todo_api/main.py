"""The application: the only module that puts all parts together."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from todo_api import __version__, metrics
from todo_api.api import chat, conversations, docs, health, tasks, wellknown
from todo_api.auth.tokens import TokenVerifier, make_verifier
from todo_api.chat.service import ChatService
from todo_api.chat.stack import AgentStack
from todo_api.db import idempotency
from todo_api.db.engine import Database, Unavailable
from todo_api.db.migrate import upgrade
from todo_api.http.gate import Gate
from todo_api.http.observe import Crash, Observe, is_probe
from todo_api.http.rate import RateLimit
from todo_api.lifecycle import Lifecycle
from todo_api.logs import configure_logging
from todo_api.mcp_server.endpoint import McpEndpoint
from todo_api.problems import FieldError, Problem, as_response, invalid, json_pointer, unavailable
from todo_api.settings import Settings, get_settings
from todo_api.startup import WrongSettings, contradictions

logger = logging.getLogger(__name__)

# Heavy imports wait for a probe that finds the process ready, a request that needs them, or this long.
LOAD_DELAY_SECONDS = 1.0
SWEEP_SECONDS = 3600
DESCRIPTION = (
    "A todo list for people, programs and a chat agent. Errors are RFC 9457 problem details. "
    "The same tools are at `/mcp` for MCP clients."
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application, by default with the environment's settings.

    Raises WrongSettings if they contradict each other or the environment.
    """
    settings = settings or get_settings()
    if faults := contradictions(settings):
        raise WrongSettings("; ".join(faults))
    configure_logging(settings)
    verifier, keys = make_verifier(settings)
    database = Database(settings)
    mcp = McpEndpoint(database, settings)
    agents = AgentStack(settings, mcp)
    service = ChatService(database, agents, settings)
    lifecycle = Lifecycle(settings.drain_seconds)

    async def load_the_rest() -> None:
        """Load the parts that readiness does not need, those likely to be used first."""
        starts = [asyncio.create_task(event.wait()) for event in (lifecycle.ready, mcp.wanted)]
        try:
            await asyncio.wait(starts, timeout=LOAD_DELAY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for start in starts:
                start.cancel()
        # Each logs its own failure and raises none, so it does not affect the others.
        async with asyncio.TaskGroup() as together:
            together.create_task(mcp.run())
            together.create_task(agents.preload())
            if keys is not None:
                together.create_task(keys.warm_up())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # The embedded database is migrated here; PostgreSQL is migrated once, not by every worker.
        if settings.is_sqlite:
            await asyncio.to_thread(upgrade, settings)
        lifecycle.take_over_sigterm()
        loading = asyncio.create_task(load_the_rest())
        sweeping = asyncio.create_task(_sweep(database))
        logger.info("started", extra={"version": __version__, "environment": settings.environment})
        yield
        lifecycle.draining = True
        await service.close()
        for background in (loading, sweeping):
            background.cancel()
            with suppress(asyncio.CancelledError):
                await background
        await database.close()
        metrics.forget_process()
        logger.info("stopped")

    app = FastAPI(
        title="Todo Chatbot API",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        servers=[{"url": settings.public_url.rstrip("/") if settings.public_url else "/"}],
        middleware=_middleware(settings, verifier),
        # Exporters are made when OTEL_EXPORTER_OTLP_… says so; logs go to stderr, redacted, and nowhere else.
        telemetry={"auto_configure": True, "logs": False, "exclude": is_probe},
        openapi_tags=[
            {"name": "tasks", "description": "The user's task list."},
            {"name": "chat", "description": "Conversations with an agent that works on the list."},
            {"name": "account", "description": "All of a user's data."},
            {"name": "health", "description": "Probes."},
        ],
    )
    app.state.settings = settings
    app.state.database = database
    app.state.mcp = mcp
    app.state.agents = agents
    app.state.chat = service
    app.state.lifecycle = lifecycle
    app.state.chat_rate_limit = RateLimit("chat", settings.chat_rate_limit)
    _add_routes(app, mcp, settings)
    _add_error_handlers(app)
    return app


async def _sweep(database: Database) -> None:
    """Delete expired idempotency keys regularly; every worker does so, at its own times."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        try:
            await idempotency.delete_expired(database)
        except Unavailable:
            continue
        except Exception:
            logger.exception("expired idempotency keys cannot be deleted")


def _middleware(settings: Settings, verifier: TokenVerifier) -> list[Middleware]:
    """Return the layers, outermost first."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_credentials=settings.cors_credentials,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-Match",
            "X-Request-ID",
            # For MCP clients: each version of the protocol has headers of its own.
            "Last-Event-ID",
            "Mcp-Method",
            "Mcp-Name",
            "MCP-Protocol-Version",
            "Mcp-Session-Id",
            # W3C trace context, which instrumented pages send.
            "baggage",
            "traceparent",
            "tracestate",
        ],
        expose_headers=[
            "ETag",
            "Idempotency-Replayed",
            "Link",
            "Location",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "WWW-Authenticate",
            "X-Next-Cursor",
            "X-Request-ID",
            "X-Total-Count",
        ],
        max_age=600,
    )
    gate = Middleware(
        Gate,
        verifier=verifier,
        rate_limit=RateLimit("requests", settings.rate_limit),
        max_body_bytes=settings.max_body_bytes,
    )
    return [Middleware(Observe), *([cors] if settings.cors_origins else []), Middleware(Crash), gate]


def _add_routes(app: FastAPI, mcp: McpEndpoint, settings: Settings) -> None:
    routers: list[APIRouter] = [
        tasks.router,
        chat.router,
        conversations.router,
        health.router,
        wellknown.router,
    ]
    if settings.serves_docs:
        routers.append(docs.router)
    # The routers' own routes: including a router would build each again, at the first request.
    app.router.routes += [route for router in routers for route in router.routes]
    # A plain route: a mount would answer /mcp with a redirect. No GET: its stream would always be empty.
    app.router.routes.append(Route("/mcp", endpoint=mcp, methods=["POST"]))


def _add_error_handlers(app: FastAPI) -> None:
    handlers: dict[type[Exception], Callable[[Request, Exception], Problem]] = {
        Problem: _raised_problem,
        HTTPException: _http_error,
        RequestValidationError: _validation_error,
        Unavailable: lambda *_: unavailable(
            "database-unavailable", "The database does not answer; try again."
        ),
    }
    for kind, to_problem in handlers.items():
        app.add_exception_handler(kind, _responder(to_problem))


def _responder(
    to_problem: Callable[[Request, Exception], Problem],
) -> Callable[[Request, Exception], Response]:
    def respond(request: Request, error: Exception) -> Response:
        return as_response(to_problem(request, error), request.url.path)

    return respond


def _raised_problem(_request: Request, error: Exception) -> Problem:
    if not isinstance(error, Problem):
        raise error
    return error


def _http_error(request: Request, error: Exception) -> Problem:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:
        # FastAPI's status for a body that cannot be decoded; undecodable JSON is a wrong value.
        return invalid("body", "", "is not JSON in UTF-8")
    kinds = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
    details = {
        404: "There is nothing at this path.",
        405: f"This path does not take {request.method}; see the Allow header.",
    }
    if error.status_code == 405:
        # Each operation is a route of its own, and Starlette's error names the methods of one route.
        allowed = {
            method
            for route in request.app.routes
            if route.path_regex.match(request.scope["path"])
            for method in route.methods
        }
        error.headers = {"Allow": ", ".join(sorted(allowed))}
    return Problem(
        error.status_code,
        kinds.get(error.status_code, "http-error"),
        details.get(error.status_code, error.detail),
        headers=error.headers,
    )


def _validation_error(request: Request, error: Exception) -> Problem:
    """Name each wrong value by its place, without repeating the value."""
    if not isinstance(error, RequestValidationError):
        raise error
    if isinstance(error.body, bytes) and error.body:
        # FastAPI decodes only bodies whose type is JSON.
        given = request.headers.get("content-type", "of no type").partition(";")[0]
        return Problem(
            415,
            "unsupported-media-type",
            f"The body is {given}; send application/json.",
            headers={"Accept": "application/json"},
        )
    errors = [
        # Text other than JSON has no members: its location is a position.
        FieldError(
            place=place,
            pointer=json_pointer([] if item["type"] == "json_invalid" else parts),
            detail=str(item["msg"]),
        )
        for item in error.errors()
        for place, *parts in (item["loc"],)
    ]
    return Problem(422, "invalid-request", "The request has a wrong value.", errors=errors)
