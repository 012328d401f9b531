"""The OpenAI client without its conversion of every request.

The conversion searches all messages and tool schemas for renamed members and files, which these requests
never have. It takes a quarter of a turn's processor time.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from openai import AsyncOpenAI, AsyncStream, NotGiven, Omit
from openai._base_client import make_request_options
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk

_OPTIONS = ("extra_headers", "extra_query", "extra_body", "timeout")


class Client(AsyncOpenAI):
    """Sends chat completions unconverted; everything else is the base class's."""

    @cached_property
    def chat(self) -> AsyncChat:
        """The resource that the Agents SDK calls."""
        return _Chat(self)


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Completions(AsyncCompletions):
    async def create(self, **given: Any) -> Any:  # type: ignore[override]
        options = {name: given.pop(name) for name in _OPTIONS if name in given}
        body = {name: value for name, value in given.items() if not isinstance(value, NotGiven | Omit)}
        return await self._post(
            "/chat/completions",
            body=body,
            options=make_request_options(**options, security={"bearer_auth": True}),
            cast_to=ChatCompletion,
            stream=bool(body.get("stream")),
            stream_cls=AsyncStream[ChatCompletionChunk],
        )
