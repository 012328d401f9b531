"""Operations on conversations and on all of a user's data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from todo_api.api.dependencies import Caller
from todo_api.api.openapi import operation_id, problems
from todo_api.api.pages import CURSOR_HEADERS, JSON, PAGE_HEADERS, Count, Cursor, Limit, page, position
from todo_api.api.schemas import (
    CONVERSATION,
    CONVERSATION_MESSAGES,
    CONVERSATIONS,
    Conversation,
    ConversationPatch,
    ConversationWithMessages,
)
from todo_api.db import conversations as store
from todo_api.db import idempotency, tasks
from todo_api.db.position import MAX_ID, Position
from todo_api.problems import Problem

router = APIRouter(prefix="/api/{user_id}", generate_unique_id_function=operation_id)

type ConversationId = Annotated[
    int, Path(ge=1, le=MAX_ID, description="Number of the conversation.", examples=[3])
]
# Other lists refuse this list's cursors.
_ORDER = "conversations"


def no_conversation(conversation_id: int) -> Problem:
    """Return the 404 for a conversation that this user lacks, whether or not another has it."""
    return Problem(404, "not-found", f"There is no conversation {conversation_id}.")


@router.get(
    "/conversations",
    tags=["chat"],
    summary="List conversations",
    response_model=list[Conversation],
    responses={200: {"headers": PAGE_HEADERS, "description": "One page of conversations."}, **problems()},
)
async def list_conversations(
    caller: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    count: Count = False,
) -> Response:
    """List the user's conversations, the one that was used last first."""
    after = position(cursor, _ORDER)
    rows = await store.list_page(caller.database, caller.user, after=after, limit=limit + 1)
    total = await store.count(caller.database, caller.user) if count else None
    last = rows[limit - 1] if len(rows) > limit else None
    following = Position(last["updated_at"], last["id"]).encode(_ORDER) if last else None
    content = CONVERSATIONS.dump_json(rows[:limit])  # type: ignore[arg-type]
    return page(content, caller.user, "conversations", {"limit": limit}, following, total)


@router.get(
    "/conversations/{conversation_id}",
    tags=["chat"],
    summary="Read a conversation",
    response_model=ConversationWithMessages,
    responses={
        200: {
            "description": "The conversation and one page of its messages.",
            "headers": CURSOR_HEADERS,
        },
        **problems(404),
    },
)
async def get_conversation(
    caller: Caller,
    conversation_id: ConversationId,
    limit: Limit = 50,
    cursor: Annotated[
        int | None, Query(ge=1, le=MAX_ID, description="`X-Next-Cursor` of the page before.")
    ] = None,
) -> Response:
    """Return a conversation with its messages and their tool calls, in the order in which they were said.

    The first page holds the newest messages, each further one those before.
    """
    row = await store.get(caller.database, caller.user, conversation_id)
    if row is None:
        raise no_conversation(conversation_id)
    found = await store.list_messages(caller.database, conversation_id, before=cursor, limit=limit + 1)
    shown = found[-limit:]
    following = str(shown[0]["id"]) if len(found) > limit else None
    content = CONVERSATION_MESSAGES.dump_json({**row, "messages": shown})  # type: ignore[typeddict-item]
    return page(content, caller.user, f"conversations/{conversation_id}", {"limit": limit}, following)


@router.patch(
    "/conversations/{conversation_id}",
    tags=["chat"],
    summary="Rename a conversation",
    response_model=Conversation,
    responses=problems(404, 413, 415),
)
async def rename_conversation(
    caller: Caller, conversation_id: ConversationId, body: ConversationPatch
) -> Response:
    """Set the conversation's title."""
    row = await store.rename(caller.database, caller.user, conversation_id, body.title)
    if row is None:
        raise no_conversation(conversation_id)
    return Response(CONVERSATION.dump_json(row), media_type=JSON)  # type: ignore[arg-type]


@router.delete(
    "/conversations/{conversation_id}",
    tags=["chat"],
    status_code=204,
    summary="Delete a conversation",
    responses=problems(404),
)
async def delete_conversation(caller: Caller, conversation_id: ConversationId) -> None:
    """Delete a conversation with its messages for good, and the answers that are kept for its keys.

    A turn that is running ends without a reply.
    """
    async with caller.database.transaction() as connection:
        await idempotency.forget(connection, caller.user, conversation_id)
        if not await store.delete(connection, caller.user, conversation_id):
            raise no_conversation(conversation_id)


@router.delete(
    "", tags=["account"], status_code=204, summary="Delete all of a user's data", responses=problems()
)
async def delete_user_data(caller: Caller) -> None:
    """Delete every task, conversation, message and kept answer of the user for good."""
    async with caller.database.transaction() as connection:
        await idempotency.forget(connection, caller.user)
        await store.delete(connection, caller.user)
        await tasks.delete_all(connection, caller.user)
