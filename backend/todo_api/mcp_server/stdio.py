"""MCP over standard input and output, for a tool host that starts this program for one user."""

from __future__ import annotations

import asyncio
import os

from todo_api.auth.tokens import InvalidToken, make_verifier
from todo_api.db.engine import Database
from todo_api.settings import Settings

TOKEN_VARIABLE = "TODO_API_TOKEN"  # noqa: S105 (a variable's name)


async def serve(settings: Settings) -> None:
    """Serve the user of the token in TODO_API_TOKEN until the input ends.

    The token is verified at the start like any other, with the same errors. It is never an argument, so no
    process list shows it.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise InvalidToken(f"{TOKEN_VARIABLE} is not set")
    principal = await make_verifier(settings)[0].verify(token)

    from todo_api.mcp_server.tools import make_server

    database = Database(settings)
    try:
        await make_server(database, lambda: principal.user_id).run_stdio_async()
    finally:
        await asyncio.shield(database.close())
