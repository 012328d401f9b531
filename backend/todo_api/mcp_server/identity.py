"""Pass the verified user through the MCP SDK to a tool."""

from __future__ import annotations

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.mcpserver.exceptions import ToolError

from todo_api.auth.tokens import Principal


def authenticated(principal: Principal) -> AuthenticatedUser:
    """Return the SDK's form of a verified user, without the token."""
    return AuthenticatedUser(
        AccessToken(token="", client_id=principal.user_id, scopes=[], subject=principal.user_id)
    )


def user_of_call() -> str:
    """Return the verified user of the current call.

    A ToolError without one: the transport should never let such a call through.
    """
    token = get_access_token()
    if token is None or not token.subject:
        raise ToolError("Not signed in.")
    return token.subject
