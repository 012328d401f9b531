"""Operations on chats."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Request as HttpRequest
from fastapi import Response as HttpResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from todo_api.api.dependencies import IdempotencyKey, User
from todo_api.api.openapi import operation_id, problems
from todo_api.api.schemas import ChatRequest, ChatResponse
from todo_api.api.tasks import REPLAYED, REPLAYED_HEADER, refuse_key
from todo_api.auth.tokens import Principal
from todo_api.chat.events import Token
from todo_api.chat.outcome import Replay, Response, interrupted
from todo_api.chat.service import ChatService, Request, RunningTurn
from todo_api.db import idempotency
from todo_api.http.gate import PRINCIPAL
from todo_api.http.rate import RateLimit
from todo_api.problems import Problem, as_body

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/api/{user_id}/chat", tags=["chat"], generate_unique_id_function=operation_id)

_ERRORS = problems(404, 409, 413, 415, 502, 504)
_STREAM_EXAMPLE = (
    'event: conversation\ndata: {"conversation_id": 3}\n\n'
    'event: token\ndata: {"text": "Done"}\n\n'
    'event: tool_call\ndata: {"name": "list_tasks", "arguments": {}, "result": []}\n\n'
    'event: done\ndata: {"conversation_id": 3, "response": "Done.", "tool_calls": []}\n\n'
)


async def begin(
    user: User, body: ChatRequest, request: HttpRequest, key: str | None, *, streaming: bool
) -> RunningTurn | Replay:
    """Begin the turn of a request.

    Turns cost more than other requests and have a limit of their own, for which only valid bodies count.
    """
    limit: RateLimit = request.app.state.chat_rate_limit
    limit.enforce(user, request.scope, "Too many chat turns from this user; try again later.")
    principal: Principal = request.scope[PRINCIPAL]
    service: ChatService = request.app.state.chat
    claimed = idempotency.Key.of(user, key, "chat", body.model_dump()) if key else None
    with refuse_key():
        return await service.begin(
            Request(principal, body.conversation_id, body.message, claimed), streaming=streaming
        )


@router.post(
    "",
    summary="Chat",
    responses={200: {"headers": REPLAYED_HEADER}, **_ERRORS},
)
async def chat(
    user: User,
    body: ChatRequest,
    request: HttpRequest,
    http: HttpResponse,
    idempotency_key: IdempotencyKey = None,
) -> ChatResponse:
    """Send a message and wait for the agent's reply.

    With an `Idempotency-Key` a turn whose tools have changed something is never run again: also its failure
    is answered again, with the changes in `tool_calls`.
    """
    turn = await begin(user, body, request, idempotency_key, streaming=False)
    if isinstance(turn, RunningTurn):
        return ChatResponse.model_validate(await turn.response)
    if turn.problem is not None:
        turn.problem.headers[REPLAYED] = "true"
        raise turn.problem
    http.headers[REPLAYED] = "true"
    return ChatResponse.model_validate(turn.response)


async def streaming_turn(
    user: User,
    body: ChatRequest,
    request: HttpRequest,
    http: HttpResponse,
    idempotency_key: IdempotencyKey = None,
) -> RunningTurn | Replay:
    """Begin the turn before the response starts, so that a refusal is a problem and not a broken stream."""
    turn = await begin(user, body, request, idempotency_key, streaming=True)
    if isinstance(turn, Replay):
        http.headers[REPLAYED] = "true"
    return turn


@router.post(
    "/stream",
    summary="Chat, streamed",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Server-sent events: `conversation`, then `token` and `tool_call` as they happen, "
            "at the end `done` with the whole answer, or `error` with problem details.",
            "content": {"text/event-stream": {"example": _STREAM_EXAMPLE}},
            "headers": REPLAYED_HEADER,
        },
        **_ERRORS,
    },
)
async def chat_stream(
    turn: Annotated[Any, Depends(streaming_turn)], request: HttpRequest
) -> AsyncIterator[ServerSentEvent]:
    """Send a message and receive the reply while the model writes it.

    The turn runs to its end and the reply is stored even when the client leaves.
    """
    if isinstance(turn, Replay):
        yield _last(turn.response, turn.problem, request)
        return
    yield ServerSentEvent(event="conversation", data={"conversation_id": turn.conversation_id})
    while (event := await turn.events.get()) is not None:
        yield ServerSentEvent(event="token" if isinstance(event, Token) else "tool_call", data=asdict(event))
    # The turn has ended, since it puts the end of the queue last.
    if turn.response.cancelled():
        yield _last(None, interrupted(), request)
    elif (error := turn.response.exception()) is None:
        yield _last(turn.response.result(), None, request)
    elif isinstance(error, Problem):
        yield _last(None, error, request)
    else:
        logger.error("chat turn failed", exc_info=error)
        yield _last(None, interrupted(), request)


def _last(response: Response | None, problem: Problem | None, request: HttpRequest) -> ServerSentEvent:
    """Return the last event of a stream."""
    if problem is not None:
        return ServerSentEvent(event="error", data=as_body(problem, request.url.path))
    return ServerSentEvent(event="done", data=response)
