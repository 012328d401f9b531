"""Operations on chats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Request as HttpRequest
from fastapi.sse import EventSourceResponse, ServerSentEvent

from todo_api.api.dependencies import IdempotencyKey, User
from todo_api.api.openapi import problems
from todo_api.api.schemas import ChatRequest, ChatResponse
from todo_api.api.tasks import refuse_key
from todo_api.auth.tokens import Principal
from todo_api.chat.events import Token
from todo_api.chat.service import ChatService, Request, Response, RunningTurn
from todo_api.db import idempotency
from todo_api.http.gate import PRINCIPAL
from todo_api.http.rate import RateLimit
from todo_api.problems import Problem, as_body

router = APIRouter(prefix="/api/{user_id}/chat", tags=["chat"])

_ERRORS = problems(404, 409, 413, 415, 502, 504)
_STREAM_EXAMPLE = (
    'event: conversation\ndata: {"conversation_id": 3}\n\n'
    'event: token\ndata: {"text": "Done"}\n\n'
    'event: tool_call\ndata: {"name": "list_tasks", "arguments": {}, "result": []}\n\n'
    'event: done\ndata: {"conversation_id": 3, "response": "Done.", "tool_calls": []}\n\n'
)


async def chat_limit(user: User, request: HttpRequest) -> None:
    """Count the turn; turns cost more than other requests and have a limit of their own."""
    limit: RateLimit = request.app.state.chat_rate_limit
    limit.enforce(user, request.scope, "Too many chat turns from this user; try again later.")


async def begin(
    user: User, body: ChatRequest, request: HttpRequest, key: str | None, *, streaming: bool
) -> RunningTurn | Response:
    """Begin the turn that a request asks for."""
    principal: Principal = request.scope[PRINCIPAL]
    service: ChatService = request.app.state.chat
    claimed = idempotency.Key.of(user, key, "chat", body.model_dump()) if key else None
    with refuse_key():
        return await service.begin(
            Request(principal, body.conversation_id, body.message, claimed), streaming=streaming
        )


@router.post("", summary="Chat", responses=_ERRORS, dependencies=[Depends(chat_limit)])
async def chat(
    user: User, body: ChatRequest, request: HttpRequest, idempotency_key: IdempotencyKey = None
) -> ChatResponse:
    """Send a message and wait for the agent's reply."""
    turn = await begin(user, body, request, idempotency_key, streaming=False)
    response = await turn.response if isinstance(turn, RunningTurn) else turn
    return ChatResponse.model_validate(response)


async def streaming_turn(
    user: User, body: ChatRequest, request: HttpRequest, idempotency_key: IdempotencyKey = None
) -> RunningTurn | Response:
    """Begin the turn before the response starts, so that a refusal is a problem and not a broken stream."""
    return await begin(user, body, request, idempotency_key, streaming=True)


@router.post(
    "/stream",
    summary="Chat, streamed",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Server-sent events: `conversation`, then `token` and `tool_call` as they happen, "
            "at the end `done` with the whole answer, or `error` with problem details.",
            "content": {"text/event-stream": {"example": _STREAM_EXAMPLE}},
        },
        **_ERRORS,
    },
    dependencies=[Depends(chat_limit)],
)
async def chat_stream(
    turn: Annotated[Any, Depends(streaming_turn)], request: HttpRequest
) -> AsyncIterator[ServerSentEvent]:
    """Send a message and receive the reply while the model writes it.

    The turn runs to its end and the reply is stored even when the client leaves.
    """
    if not isinstance(turn, RunningTurn):
        yield ServerSentEvent(event="done", data=turn)
        return
    yield ServerSentEvent(event="conversation", data={"conversation_id": turn.conversation_id})
    while (event := await turn.events.get()) is not None:
        yield ServerSentEvent(event="token" if isinstance(event, Token) else "tool_call", data=asdict(event))
    try:
        yield ServerSentEvent(event="done", data=await turn.response)
    except Problem as problem:
        yield ServerSentEvent(event="error", data=as_body(problem, request.url.path))
