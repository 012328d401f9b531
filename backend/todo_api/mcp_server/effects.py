"""Changes by tools during a chat turn, noted in the same transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

type Note = Callable[[AsyncConnection, str, Mapping[str, Any], Any], Awaitable[None]]

# The running turn's function to note a change; None for other callers of the tools.
note: ContextVar[Note | None] = ContextVar("note", default=None)


async def noted[Result](
    connection: AsyncConnection, name: str, arguments: Mapping[str, Any], result: Result
) -> Result:
    """Note a change, in its transaction, if a turn asks for that, and return the tool's result.

    Empty arguments are left out.
    """
    if (in_turn := note.get()) is not None:
        given = {key: value for key, value in arguments.items() if value is not None}
        await in_turn(connection, name, given, result)
    return result
