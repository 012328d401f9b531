"""The MCP server's tools for the chat agent, called without a transport."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from agents import RunContextWrapper
from agents.agent import AgentBase
from agents.mcp import MCPServer as ToolSource
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, GetPromptResult, ListPromptsResult, TextContent, Tool

from todo_api.auth.tokens import Principal
from todo_api.mcp_server.effects import Note, note
from todo_api.mcp_server.identity import authenticated

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30


class Tools(ToolSource):
    """One user's tools for one turn; calls are made one after the other.

    `in_turn` notes each change that a tool makes.
    """

    def __init__(
        self, server: MCPServer[None], listed: list[Tool], principal: Principal, in_turn: Note
    ) -> None:
        super().__init__(use_structured_content=True)
        self._server = server
        self._listed = listed
        self._user = authenticated(principal)
        self._note = in_turn
        self._one_at_a_time = asyncio.Lock()

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
        return self._listed

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool; the model reads a failure as its result."""
        async with self._one_at_a_time:
            user, noting = auth_context_var.set(self._user), note.set(self._note)
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    result = await self._server.call_tool(tool_name, arguments or {})
            except ToolError as error:
                if isinstance(error, UnexpectedToolError):
                    logger.exception("a tool failed", extra={"tool": tool_name})
                return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)
            finally:
                auth_context_var.reset(user)
                note.reset(noting)
        assert isinstance(result, CallToolResult)  # noqa: S101 - no tool of ours asks for input
        return result

    async def list_prompts(self) -> ListPromptsResult:
        return ListPromptsResult(prompts=[])

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> GetPromptResult:
        raise ValueError(f"there is no prompt {name!r}")
