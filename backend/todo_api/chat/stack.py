"""Import the agent in the background: the Agents SDK costs more than everything else together."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from todo_api.mcp_server.endpoint import McpEndpoint
from todo_api.problems import Problem, unavailable
from todo_api.settings import Settings

if TYPE_CHECKING:
    from todo_api.chat.agent import TodoAgent

logger = logging.getLogger(__name__)


class AgentStack:
    """Holds the agent and loads it once, off the event loop."""

    def __init__(self, settings: Settings, mcp: McpEndpoint) -> None:
        self._settings = settings
        self._mcp = mcp
        self._loading: asyncio.Task[TodoAgent] | None = None
        # A signed-in user has come, and is likely to chat.
        self.wanted = asyncio.Event()

    def require_key(self) -> SecretStr:
        """Return the model's key, or refuse a chat with 503 before any of it is stored."""
        if self._settings.openai_api_key is None:
            raise unavailable(
                "chat-not-configured",
                "Chat is not set up: there is no model. Tell the service's operator; everything else works.",
                retry_after=60,
            )
        return self._settings.openai_api_key

    @property
    def state(self) -> Literal["off", "on-demand", "starting", "ready", "failed"]:
        """The progress of the load; ``off`` without a key, ``on-demand`` until a user comes."""
        if self._settings.openai_api_key is None:
            return "off"
        if self._loading is None:
            return "starting" if self._expected else "on-demand"
        if not self._loading.done():
            return "starting"
        return "failed" if self._loading.cancelled() or self._loading.exception() else "ready"

    @property
    def _expected(self) -> bool:
        """Whether the agent is loaded without a chat; a setting takes precedence over a user."""
        preload = self._settings.chat_preload
        return self.wanted.is_set() if preload is None else preload

    async def preload(self) -> None:
        """Load the agent before the first chat, as CHAT_PRELOAD says; log a failure and show it as the state.

        Without a key it is never needed.
        """
        if self._settings.openai_api_key is None or self._settings.chat_preload is False:
            return
        if not self._expected:
            await self.wanted.wait()
        try:
            await self.get()
        except Exception:
            # The first chat tries again and reports a failure to its user; everything else works.
            logger.exception("the agent cannot be loaded")

    async def get(self) -> TodoAgent:
        """Return the agent, loading it or waiting for the current load."""
        key = self.require_key()
        if self._loading is None or (self._loading.done() and self._loading.exception()):
            self._loading = asyncio.create_task(self._start(key))
        return await asyncio.shield(self._loading)

    async def _start(self, key: SecretStr) -> TodoAgent:
        # After its tools: both import `mcp`, whose modules import each other, and two threads at once would
        # each see half of them.
        with suppress(Problem):
            await self._mcp.ready()
        return await asyncio.to_thread(self._load, key)

    def _load(self, key: SecretStr) -> TodoAgent:
        from todo_api.chat.agent import TodoAgent

        return TodoAgent(self._settings, key, self._mcp)
