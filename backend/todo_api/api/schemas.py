"""Bodies of requests and responses, with an example each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, model_validator

# Text that people can read and PostgreSQL can store: not blank, and without NUL.
Visible = r"^[^\x00]*[^\s\x00][^\x00]*$"
WithoutNul = r"^[^\x00]*$"

Title = Annotated[
    str, Field(min_length=1, max_length=200, pattern=Visible, description="1 to 200 characters.")
]
Description = Annotated[
    str, Field(max_length=1000, pattern=WithoutNul, description="At most 1000 characters.")
]

TASK_EXAMPLE: dict[str, JsonValue] = {
    "id": 7,
    "user_id": "ada",
    "title": "Buy milk",
    "description": "Two litres",
    "completed": False,
    "created_at": "2026-11-21T09:30:00Z",
    "updated_at": "2026-11-21T09:30:00Z",
}
CHAT_EXAMPLE: dict[str, JsonValue] = {
    "conversation_id": 3,
    "response": "Done: “Buy milk” is on your list.",
    "tool_calls": [
        {
            "name": "add_task",
            "arguments": {"title": "Buy milk"},
            "result": {"task_id": 7, "status": "created", "title": "Buy milk"},
        }
    ],
}


CONVERSATION_EXAMPLE: dict[str, JsonValue] = {
    "id": 3,
    "title": "Remind me to buy milk",
    "created_at": "2026-11-21T09:30:00Z",
    "updated_at": "2026-11-21T09:30:04Z",
}
MESSAGE_EXAMPLE: dict[str, JsonValue] = {
    "id": 12,
    "role": "assistant",
    "content": CHAT_EXAMPLE["response"],
    "tool_calls": CHAT_EXAMPLE["tool_calls"],
    "created_at": "2026-11-21T09:30:04Z",
}


class TaskCreate(BaseModel):
    """A new task."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "Buy milk", "description": "Two litres"}]}
    )

    title: Title
    description: Description | None = None


class TaskReplace(BaseModel):
    """A task's new title and description; a description that is left out is removed, ``completed`` stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "Buy oat milk", "description": None, "completed": True}]},
    )

    title: Title
    description: Description | None = None
    completed: bool | None = Field(default=None, strict=True, description="Left out or null: unchanged.")


class TaskBatchCreate(BaseModel):
    """New tasks, all of which are added or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"tasks": [{"title": "Buy milk"}, {"title": "Buy bread"}]}]},
    )

    tasks: list[TaskCreate] = Field(min_length=1, max_length=100)


class TaskPatch(BaseModel):
    """Members of a task that are set; those that are left out stay."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"completed": True}], "minProperties": 1}
    )

    title: Title = ""
    description: Description | None = None
    completed: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("sets nothing; give title, description or completed")
        return self


class Task(TypedDict):
    """A task."""

    __pydantic_config__ = ConfigDict(json_schema_extra={"examples": [TASK_EXAMPLE]})  # type: ignore[misc]

    id: int
    user_id: str
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime


class TaskBatch(TypedDict):
    """Tasks that were added together."""

    __pydantic_config__ = ConfigDict(json_schema_extra={"examples": [{"tasks": [TASK_EXAMPLE]}]})  # type: ignore[misc]

    tasks: list[Task]


# Serialize rows directly to bytes: the database's types need no second validation.
TASK: TypeAdapter[Task] = TypeAdapter(Task)
TASKS: TypeAdapter[list[Task]] = TypeAdapter(list[Task])
TASK_BATCH: TypeAdapter[TaskBatch] = TypeAdapter(TaskBatch)


class ChatRequest(BaseModel):
    """A message to the agent; without a conversation it begins a new one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"conversation_id": None, "message": "Remind me to buy milk"}]},
    )

    conversation_id: int | None = Field(default=None, ge=1, le=2**63 - 1, strict=True)
    message: Annotated[
        str, Field(min_length=1, max_length=4000, pattern=Visible, description="1 to 4000 characters.")
    ]


class ToolCall(TypedDict):
    """One tool that the agent used."""

    name: str
    arguments: dict[str, Any]
    result: Any


class ChatResponse(BaseModel):
    """The agent's reply."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHAT_EXAMPLE]})

    conversation_id: int
    response: str
    tool_calls: list[ToolCall]


class Conversation(TypedDict):
    """A conversation without its messages."""

    __pydantic_config__ = ConfigDict(json_schema_extra={"examples": [CONVERSATION_EXAMPLE]})  # type: ignore[misc]

    id: int
    title: str | None
    created_at: datetime
    updated_at: datetime


class ConversationMessage(TypedDict):
    """A message; a reply with the tool calls that led to it."""

    id: int
    role: Literal["user", "assistant"]
    content: str
    tool_calls: list[ToolCall]
    created_at: datetime


class ConversationWithMessages(Conversation):
    """A conversation and some of its messages."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]
        json_schema_extra={"examples": [{**CONVERSATION_EXAMPLE, "messages": [MESSAGE_EXAMPLE]}]}
    )

    messages: list[ConversationMessage]


class ConversationPatch(BaseModel):
    """A conversation's new title."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"title": "Groceries"}]})

    title: Title


CONVERSATION: TypeAdapter[Conversation] = TypeAdapter(Conversation)
CONVERSATIONS: TypeAdapter[list[Conversation]] = TypeAdapter(list[Conversation])
CONVERSATION_MESSAGES: TypeAdapter[ConversationWithMessages] = TypeAdapter(ConversationWithMessages)


class Health(BaseModel):
    """State of the service and of its dependencies."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "ready", "checks": {"database": "ok", "mcp": "ready", "agent": "ready"}}]
        }
    )

    status: Literal["alive", "ready", "unavailable", "draining"]
    checks: dict[str, str] = Field(default_factory=dict)
