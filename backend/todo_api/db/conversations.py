"""Queries on conversations: one turn at a time, whichever replica runs it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from todo_api.db.tables import conversations, messages, now

type Role = Literal["user", "assistant"]


class NoConversation(Exception):
    """The user has no such conversation."""


class Busy(Exception):
    """Another turn of the conversation is running."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to run the next turn of a conversation, and what was said before it."""

    conversation_id: int
    token: str
    history: tuple[Message, ...]


async def begin_turn(
    connection: AsyncConnection,
    user_id: str,
    conversation_id: int | None,
    message: str,
    *,
    history: int,
    lease: timedelta,
) -> Turn:
    """Begin a turn: take the conversation, load its newest messages, store the user's message.

    The right to the conversation is a lease in its row, not a lock: no transaction stays open while the
    model thinks, a pooler does not matter, and a replica that dies gives the conversation back in the end.

    Args:
        connection: Inside a transaction, which the caller rolls back on an error.
        user_id: Owner of the conversation.
        conversation_id: The conversation; nothing begins a new one.
        message: What the user says.
        history: How many earlier messages are loaded, the newest.
        lease: How long the turn may run.

    Raises:
        NoConversation: When the user has no such conversation.
        Busy: When another turn of it is running.
    """
    token = uuid.uuid4().hex
    moment = now()
    held = {"turn": token, "turn_expires_at": moment + lease, "updated_at": moment}
    if conversation_id is None:
        values = {"user_id": user_id, "created_at": moment, **held}
        inserted = await connection.execute(
            sa.insert(conversations).values(values).returning(conversations.c.id)
        )
        conversation_id = int(inserted.scalar_one())
        earlier: tuple[Message, ...] = ()
    else:
        await _take(connection, user_id, conversation_id, held)
        earlier = await newest_messages(connection, conversation_id, history)
    await _store(connection, user_id, conversation_id, "user", message)
    return Turn(conversation_id, token, earlier)


async def _take(
    connection: AsyncConnection, user_id: str, conversation_id: int, held: dict[str, object]
) -> None:
    mine = sa.and_(conversations.c.id == conversation_id, conversations.c.user_id == user_id)
    free = sa.or_(conversations.c.turn.is_(None), conversations.c.turn_expires_at < now())
    taken = await connection.scalar(
        sa.update(conversations).where(mine, free).values(**held).returning(conversations.c.id)
    )
    if taken is None:
        exists = await connection.scalar(sa.select(conversations.c.id).where(mine))
        raise NoConversation if exists is None else Busy


async def newest_messages(
    connection: AsyncConnection, conversation_id: int, limit: int
) -> tuple[Message, ...]:
    """Return the newest messages of a conversation, in the order in which they were said."""
    newest_first = (
        sa.select(messages.c.role, messages.c.content)
        .where(messages.c.conversation_id == conversation_id)
        .order_by(messages.c.id.desc())
        .limit(limit)
    )
    rows = (await connection.execute(newest_first)).all()
    return tuple(Message(row.role, row.content) for row in reversed(rows))


async def end_turn(connection: AsyncConnection, user_id: str, turn: Turn, reply: str | None) -> None:
    """End a turn: store the reply where there is one, and give the conversation back."""
    if reply:
        await _store(connection, user_id, turn.conversation_id, "assistant", reply)
    await connection.execute(
        sa.update(conversations)
        .where(conversations.c.id == turn.conversation_id, conversations.c.turn == turn.token)
        .values(turn=None, turn_expires_at=None, updated_at=now())
    )


async def _store(
    connection: AsyncConnection, user_id: str, conversation_id: int, role: Role, content: str
) -> None:
    values = {
        "user_id": user_id,
        "conversation_id": conversation_id,
        "role": role,
        "content": content,
        "created_at": now(),
    }
    await connection.execute(sa.insert(messages).values(values))
