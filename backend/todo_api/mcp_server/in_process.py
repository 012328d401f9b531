"""The MCP server's tools for the chat agent, called without a transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from agents import FunctionTool, RunContextWrapper
from agents.agent import AgentBase
from agents.mcp import MCPServer as ToolSource
from agents.mcp import MCPUtil
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, GetPromptResult, ListPromptsResult, TextContent, Tool

from todo_api.auth.tokens import Principal
from todo_api.mcp_server.effects import Note, note
from todo_api.mcp_server.identity import authenticated

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30
# A turn's calls are made one after the other.
_one_at_a_time: ContextVar[asyncio.Lock] = ContextVar("one_at_a_time")


async def function_tools(server: MCPServer[None]) -> list[FunctionTool]:
    """Return the tools in the SDK's form, once for all turns: each conversion copies every schema."""
    source = _Tools(server)
    listed = await source.list_tools()
    return [MCPUtil.to_function_tool(tool, source, convert_schemas_to_strict=False) for tool in listed]


@contextmanager
def turn_of(principal: Principal, in_turn: Note) -> Iterator[None]:
    """Let the tools that are called inside, also by new tasks, act for a user.

    `in_turn` notes each change that a tool makes.
    """
    user = auth_context_var.set(authenticated(principal))
    noting, lock = note.set(in_turn), _one_at_a_time.set(asyncio.Lock())
    try:
        yield
    finally:
        auth_context_var.reset(user)
        note.reset(noting)
        _one_at_a_time.reset(lock)


class _Tools(ToolSource):
    """The server as a source of tools; calls act for the turn in which they are made."""

    def __init__(self, server: MCPServer[None]) -> None:
        super().__init__(use_structured_content=True)
        self._server = server

    @property
    def name(self) -> str:
        return self._server.name

    async def connect(self) -> None:
        """Do nothing: no connection is needed."""

    async def cleanup(self) -> None:
        """Do nothing: no connection is open."""

    async def list_tools(
        self, run_context: RunContextWrapper[Any] | None = None, agent: AgentBase | None = None
    ) -> list[Tool]:
        return await self._server.list_tools()

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool; the model reads a failure as its result."""
        async with _one_at_a_time.get():
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    result = await self._server.call_tool(tool_name, arguments or {})
            except ToolError as error:
                if isinstance(error, UnexpectedToolError):
                    logger.exception("a tool failed", extra={"tool": tool_name})
                return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)
        assert isinstance(result, CallToolResult)  # noqa: S101 - no tool of ours asks for input
        return result

    async def list_prompts(self) -> ListPromptsResult:
        return ListPromptsResult(prompts=[])

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> GetPromptResult:
        raise ValueError(f"there is no prompt {name!r}")
