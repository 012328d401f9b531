"""MCP over streamable HTTP at /mcp; its import does not delay readiness."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from todo_api.auth.tokens import Principal
from todo_api.db.engine import Database
from todo_api.http.gate import PRINCIPAL
from todo_api.mcp_server.refusals import with_problems
from todo_api.problems import Problem, as_response, unavailable
from todo_api.settings import Settings

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_SECONDS = 30


class McpEndpoint:
    """ASGI application that loads the MCP server in the background and then delegates to it.

    Earlier requests wait for the load. Every request is served statelessly, so any replica can answer it.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._app: ASGIApp | None = None
        self._server: MCPServer[None] | None = None
        self._loaded = asyncio.Event()
        # A request waits for the load.
        self.wanted = asyncio.Event()
        self.state: Literal["starting", "ready", "failed"] = "starting"

    async def run(self) -> None:
        """Load the server and keep it running until cancelled; log a failure and show it as the state."""
        try:
            server, app = await asyncio.to_thread(self._load)
            # Entered and left in this task, as the session manager's task group requires.
            async with server.session_manager.run():
                self._server, self._app = server, app
                self.state = "ready"
                self._loaded.set()
                await asyncio.Event().wait()
        except Exception:
            logger.exception("the MCP server does not run")
        finally:
            self.state = "failed"
            self._loaded.set()

    def _load(self) -> tuple[MCPServer[None], ASGIApp]:
        from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
        from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
        from mcp.server.transport_security import TransportSecuritySettings

        from todo_api.mcp_server.identity import user_of_call
        from todo_api.mcp_server.tools import make_server

        server = make_server(self._database, user_of_call)
        server.streamable_http_app(
            stateless_http=True,
            json_response=True,
            max_request_body_size=self._settings.max_body_bytes,
            transport_security=TransportSecuritySettings(
                allowed_hosts=list(self._settings.mcp_hosts), allowed_origins=list(self._settings.mcp_origins)
            ),
        )
        return server, AuthContextMiddleware(StreamableHTTPASGIApp(server.session_manager))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of the principal that the gate has verified."""
        try:
            app = await self.ready()
        except Problem as problem:
            await as_response(problem, scope["path"])(scope, receive, send)
            return
        await app(self._as_user(scope, scope[PRINCIPAL]), receive, with_problems(scope, receive, send))

    async def ready(self) -> ASGIApp:
        """Wait for the loaded application and return it; raise a Problem if it cannot be loaded."""
        self.wanted.set()
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_SECONDS):
                await self._loaded.wait()
        except TimeoutError:
            raise unavailable("mcp-starting", "The MCP server is still starting; try again.") from None
        if self._app is None or self.state != "ready":
            raise unavailable("mcp-failed", "The MCP server is not running; see the service's log.")
        return self._app

    async def server(self) -> MCPServer[None]:
        """Wait for the server itself and return it, for callers in this process; raise as `ready` does."""
        await self.ready()
        assert self._server is not None  # noqa: S101 - set together with the application
        return self._server

    @staticmethod
    def _as_user(scope: Scope, principal: Principal) -> dict[str, Any]:
        from todo_api.mcp_server.identity import authenticated

        # Host names are compared in lower case, as the settings have them.
        headers = [(name, value.lower() if name == b"host" else value) for name, value in scope["headers"]]
        return {**scope, "headers": headers, "user": authenticated(principal)}
