"""The agent. Importing this module imports the Agents SDK; chat.stack does so off the event loop."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from agents import (
    Agent,
    ModelResponse,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    set_tracing_disabled,
)
from agents.items import ToolCallItem, ToolCallOutputItem, TResponseInputItem
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.result import RunResultBase
from agents.stream_events import StreamEvent
from openai import DefaultAsyncHttpxClient
from pydantic import SecretStr

from todo_api.auth.tokens import Principal
from todo_api.chat.completions import Client
from todo_api.chat.events import Emit, Reply, Token, ToolCalled
from todo_api.chat.failures import as_problem
from todo_api.chat.streams import HEADERS, Guard
from todo_api.chat.text import storable, storable_value
from todo_api.db.conversations import Message
from todo_api.mcp_server.effects import Note
from todo_api.mcp_server.endpoint import McpEndpoint
from todo_api.mcp_server.in_process import function_tools, turn_of
from todo_api.problems import Problem
from todo_api.settings import Settings

INSTRUCTIONS = (
    "You manage the user's todo list with the tools you are given. "
    "Call list_tasks first when you need a task's id. "
    "Never claim that something was done unless a tool said so. "
    "Answer briefly, in the user's language."
)
# Characters of an earlier tool's result that the model sees again.
RESULT_CHARACTERS = 4000


class ToolCallLimit(RunHooks[Any]):
    """Ends a turn before it exceeds `most` tool calls: one answer of the model may request thousands."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked = 0

    async def on_llm_end(
        self, context: RunContextWrapper[Any], agent: Agent[Any], response: ModelResponse
    ) -> None:
        """Count the calls in an answer before any of them is made."""
        self._asked += sum(item.type == "function_call" for item in response.output)
        if self._asked > self._most:
            raise Problem(
                502,
                "tool-call-limit",
                f"The model asked for more than {self._most} tool calls in one turn; ask in smaller steps.",
            )


class TodoAgent:
    """An agent over any OpenAI-compatible endpoint, with this service's own MCP tools.

    It reaches the tools in process, without a socket and as the verified user.
    """

    def __init__(self, settings: Settings, key: SecretStr, mcp: McpEndpoint) -> None:
        set_tracing_disabled(not settings.openai_tracing)
        self._mcp = mcp
        self._max_turns = settings.chat_max_turns
        self._max_tool_calls = settings.chat_max_tool_calls
        self._settings = ModelSettings(max_tokens=settings.chat_max_tokens)
        self._config = RunConfig(
            tracing_disabled=not settings.openai_tracing,
            trace_include_sensitive_data=False,
            tool_not_found_behavior="return_error_to_model",
        )
        client = Client(
            api_key=key.get_secret_value(),
            base_url=settings.openai_base_url,
            timeout=settings.openai_timeout,
            max_retries=settings.openai_max_retries,
            default_headers=HEADERS,
            http_client=DefaultAsyncHttpxClient(
                event_hooks={"response": [Guard(settings.openai_max_answer_bytes)]}
            ),
        )
        self._model = OpenAIChatCompletionsModel(model=settings.openai_model, openai_client=client)
        self._agent: Agent[Any] | None = None

    async def reply(
        self,
        history: Sequence[Message],
        message: str,
        principal: Principal,
        emit: Emit | None,
        note: Note,
    ) -> Reply:
        """Answer a message.

        Args:
            principal: The owner of the tasks.
            emit: Receives text as the model writes it and tool calls as they end; without it, no streaming.
            note: Notes each change that a tool makes.

        Raises:
            Problem: The model or its endpoint failed.
        """
        said = [item for one in (*history, Message("user", message)) for item in items_of(one)]
        run: dict[str, Any] = {
            "max_turns": self._max_turns,
            "run_config": self._config,
            "hooks": ToolCallLimit(self._max_tool_calls),
        }
        try:
            agent = self._agent or await self._make_agent()
            with turn_of(principal, note):
                if emit is None:
                    result: RunResultBase = await Runner.run(agent, said, **run)
                else:
                    streamed = Runner.run_streamed(agent, said, **run)
                    try:
                        await _forward(streamed.stream_events(), emit)
                    finally:
                        streamed.cancel()
                    result = streamed
        except Exception as error:
            raise as_problem(error) from error
        reply = Reply(storable(str(result.final_output or "")), tuple(tool_calls(result.new_items)))
        if not reply.text.strip() and not reply.tool_calls:
            raise Problem(502, "model-failed", "The model's answer is empty; try again.")
        return reply

    async def _make_agent(self) -> Agent[Any]:
        """Make the agent of all turns; it waits for the tools."""
        self._agent = Agent(
            name="Todo",
            instructions=INSTRUCTIONS,
            model=self._model,
            model_settings=self._settings,
            tools=[*await function_tools(await self._mcp.server())],
        )
        return self._agent


def items_of(message: Message) -> list[TResponseInputItem]:
    """Return a message in the SDK's form: a reply after its tool calls and their results."""
    items: list[TResponseInputItem] = []
    for call in message.tool_calls:
        call_id = f"call_{uuid.uuid4().hex[:16]}"
        result = json.dumps(call["result"], ensure_ascii=False)
        if len(result) > RESULT_CHARACTERS:
            result = f"{result[:RESULT_CHARACTERS]}… (cut)"
        items += [
            {
                "type": "function_call",
                "call_id": call_id,
                "name": call["name"],
                "arguments": json.dumps(call["arguments"], ensure_ascii=False),
            },
            {"type": "function_call_output", "call_id": call_id, "output": result},
        ]
    if message.content or not items:
        items.append({"role": message.role, "content": message.content})
    return items


async def _forward(events: Any, emit: Emit) -> None:
    calls: dict[str, ToolCallItem] = {}
    event: StreamEvent
    async for event in events:
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            emit(Token(storable(event.data.delta)))
        elif event.type == "run_item_stream_event":
            if isinstance(event.item, ToolCallItem):
                calls[_call_id(event.item)] = event.item
            elif isinstance(event.item, ToolCallOutputItem) and (call := calls.get(_call_id(event.item))):
                emit(_called(call, event.item))


def tool_calls(items: Sequence[object]) -> list[ToolCalled]:
    """Return a run's tool calls in order."""
    outputs = {_call_id(item): item for item in items if isinstance(item, ToolCallOutputItem)}
    calls = [item for item in items if isinstance(item, ToolCallItem)]
    return [_called(call, outputs.get(_call_id(call))) for call in calls]


def _call_id(item: ToolCallItem | ToolCallOutputItem) -> str:
    return str(_raw(item, "call_id"))


def _raw(item: ToolCallItem | ToolCallOutputItem, name: str) -> Any:
    raw = item.raw_item
    return raw.get(name) if isinstance(raw, dict) else getattr(raw, name, None)


def _called(call: ToolCallItem, output: ToolCallOutputItem | None) -> ToolCalled:
    given = storable(_raw(call, "arguments") or "{}")
    arguments = storable_value(_decoded(given))
    return ToolCalled(
        name=storable(str(_raw(call, "name"))),
        # Other text than a JSON object is shown unchanged.
        arguments=arguments if isinstance(arguments, dict) else {"malformed": given},
        result=None if output is None else storable_value(_result(output.output)),
    )


def _result(output: Any) -> Any:
    """Return a tool's result without the wrappers of MCP and the SDK."""
    if isinstance(output, dict) and output.get("type") == "text":
        output = output.get("text")
    value = _decoded(output)
    if isinstance(value, dict) and set(value) == {"result"}:
        return value["result"]
    return value


def _decoded(text: Any, decode: Callable[[str], Any] = json.loads) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return decode(text)
    except ValueError:
        return text
