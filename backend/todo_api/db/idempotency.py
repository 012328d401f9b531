"""Idempotency keys: a repeated POST with the same key gets the same answer, without repeating the work."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from todo_api.db.engine import Executor
from todo_api.db.tables import idempotency_keys as keys
from todo_api.db.tables import messages, now

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

LIFETIME = timedelta(hours=24)


class KeyReused(Exception):
    """The key was used before with another request."""


class StillRunning(Exception):
    """The first request with this key has not ended; `turn` is its chat turn, if it is one."""

    def __init__(self, turn: str | None = None) -> None:
        super().__init__(turn)
        self.turn = turn


@dataclass(frozen=True, slots=True)
class Key:
    """One use of a key: its user, and a fingerprint of the request."""

    user_id: str
    value: str
    fingerprint: str

    @classmethod
    def of(cls, user_id: str, value: str, operation: str, body: object) -> Key:
        """Return the key for a request's operation and JSON body."""
        text = json.dumps([operation, body], sort_keys=True, default=str)
        return cls(user_id, value, hashlib.sha256(text.encode()).hexdigest())


async def claim(connection: AsyncConnection, key: Key, *, turn: str | None = None) -> dict[str, Any] | None:
    """Claim a key inside the caller's transaction, or return its stored response; None means to go ahead.

    `turn` is the chat turn that will work on the request after this transaction. Raises as `stored` does.
    """
    await connection.execute(sa.delete(keys).where(keys.c.user_id == key.user_id, keys.c.expires_at < now()))
    values = {
        "user_id": key.user_id,
        "key": key.value,
        "fingerprint": key.fingerprint,
        "turn": turn,
        "expires_at": now() + LIFETIME,
    }
    # Waits while another transaction inserts the same key.
    inserted = await connection.scalar(
        _insert(connection).values(values).on_conflict_do_nothing().returning(keys.c.key)
    )
    return None if inserted is not None else await stored(connection, key)


async def stored(connection: AsyncConnection, key: Key) -> dict[str, Any]:
    """Return the stored response of a claimed key.

    Raises KeyReused for a key of another request, and StillRunning until its first request has ended.
    """
    row = (await connection.execute(sa.select(keys).where(_is(key)))).mappings().one_or_none()
    if row is None:
        raise StillRunning  # ended without an answer at this moment: the client may retry
    if row["fingerprint"] != key.fingerprint:
        raise KeyReused
    if row["response"] is None:
        raise StillRunning(row["turn"])
    response: dict[str, Any] = json.loads(row["response"])
    return response


async def take_over(connection: AsyncConnection, key: Key, *, lost: str, turn: str) -> None:
    """Claim a key whose turn was lost before it changed anything; raise StillRunning if another has."""
    taken = sa.update(keys).where(_is(key), keys.c.turn == lost, keys.c.response.is_(None))
    if await connection.scalar(taken.values(turn=turn).returning(keys.c.key)) is None:
        raise StillRunning


async def complete(connection: AsyncConnection, key: Key, response: dict[str, Any]) -> None:
    """Store the response for later requests with the key."""
    await connection.execute(
        sa.update(keys).where(_is(key)).values(response=json.dumps(response), expires_at=now() + LIFETIME)
    )


async def end(connection: AsyncConnection, user_id: str, turn: str, response: dict[str, Any] | None) -> None:
    """End a chat turn's work on its key, if it has one, with the answer for later requests.

    Without an answer the key is released, and the request can be repeated.
    """
    mine = sa.and_(keys.c.user_id == user_id, keys.c.turn == turn, keys.c.response.is_(None))
    if response is None:
        await connection.execute(sa.delete(keys).where(mine))
        return
    await connection.execute(
        sa.update(keys).where(mine).values(response=json.dumps(response), expires_at=now() + LIFETIME)
    )


async def forget(connection: AsyncConnection, user_id: str, conversation_id: int | None = None) -> None:
    """Delete a user's keys and stored answers: all, or those of one conversation."""
    statement = sa.delete(keys).where(keys.c.user_id == user_id)
    if conversation_id is not None:
        turns = sa.select(messages.c.turn).where(messages.c.conversation_id == conversation_id)
        statement = statement.where(keys.c.turn.in_(turns))
    await connection.execute(statement)


async def delete_expired(database: Executor) -> int:
    """Delete the expired keys of all users, even of those who never return; return their number."""
    return (await database.execute(sa.delete(keys).where(keys.c.expires_at < now()))).rowcount


def _insert(connection: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """Return the dialect's own INSERT; the other dialect is not imported, which would slow the start."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(keys)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(keys)


def _is(key: Key) -> sa.ColumnElement[bool]:
    return sa.and_(keys.c.user_id == key.user_id, keys.c.key == key.value)
