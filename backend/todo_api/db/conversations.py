"""Queries on conversations: one turn at a time over all replicas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from todo_api.db.engine import Executor
from todo_api.db.position import Position
from todo_api.db.tables import UtcDateTime, conversations, messages, now

type Role = Literal["user", "assistant"]
type Effect = dict[str, Any]


# Characters of the first message that become the title, until the user sets another.
TITLE_CHARACTERS = 80


class NoConversation(Exception):
    """The user has no such conversation."""


class Busy(Exception):
    """Another turn of the conversation is running."""


class TurnLost(Exception):
    """The turn has ended, or another one has the conversation: it must not store anything more."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; a reply with its tool calls."""

    role: Role
    content: str
    tool_calls: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """A turn that no longer runs, and its tools' changes until then.

    `conversation_id` is None if no conversation refers to the turn any more: it has ended.
    """

    conversation_id: int | None
    token: str
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to run the next turn of a conversation, and the messages before it.

    `lost` is the previous turn, if it was lost; its caller may still ask for its outcome.
    """

    conversation_id: int
    token: str
    history: tuple[Message, ...]
    lost: Lost | None = None


async def begin_turn(
    connection: AsyncConnection,
    user_id: str,
    conversation_id: int | None,
    message: str,
    *,
    token: str,
    history: int,
    lease: timedelta,
) -> Turn:
    """Begin a turn: take the conversation, load its newest messages, store the user's message.

    The right to the conversation is a lease in its row, not a lock. So no transaction stays open while the
    model thinks, poolers do not matter, and a replica that dies eventually releases the conversation.

    Args:
        connection: Inside a transaction, which the caller rolls back on NoConversation and Busy.
        conversation_id: None begins a new conversation.
        token: Name of the turn, new for each.
        history: Maximal number of earlier messages to load, the newest.
        lease: Time until the turn has to be renewed.
    """
    moment = now()
    held = {"turn": token, "effects": None, "updated_at": moment, "until": _until(connection, lease)}
    lost = None
    if conversation_id is None:
        title = " ".join(message.split())[:TITLE_CHARACTERS]
        values = {"user_id": user_id, "created_at": moment, "title": title, **held}
        inserted = await connection.execute(_insert(connection.dialect.name), values)
        conversation_id = int(inserted.scalar_one())
        earlier: tuple[Message, ...] = ()
    else:
        lost = await _take(connection, user_id, conversation_id, held)
        earlier = await newest_messages(connection, conversation_id, history)
    await _store(connection, user_id, conversation_id, token, "user", message)
    return Turn(conversation_id, token, earlier, lost)


async def _take(
    connection: AsyncConnection, user_id: str, conversation_id: int, held: dict[str, Any]
) -> Lost | None:
    values = {"owner": user_id, "number": conversation_id, **held}
    take = _take_statement(connection.dialect.name)
    if await connection.scalar(take.where(conversations.c.turn.is_(None)), values) is not None:
        return None
    mine = _is(user_id, conversation_id)
    found = (await connection.execute(_turns(connection).where(mine).with_for_update())).one_or_none()
    if found is None:
        raise NoConversation
    if found.running:
        raise Busy
    await connection.execute(take, values)
    return None if found.turn is None else Lost(found.id, found.turn, _effects(found.effects))


# The statements of every turn are built once.
@cache
def _insert(dialect: str) -> ReturningInsert[Any]:
    statement = sa.insert(conversations).values(turn_expires_at=_clock(dialect))
    return statement.returning(conversations.c.id)


@cache
def _take_statement(dialect: str) -> ReturningUpdate[Any]:
    columns = conversations.c
    mine = sa.and_(columns.id == sa.bindparam("number"), columns.user_id == sa.bindparam("owner"))
    return sa.update(conversations).values(turn_expires_at=_clock(dialect)).where(mine).returning(columns.id)


async def give_up(connection: AsyncConnection, user_id: str, token: str) -> Lost | None:
    """Give up and return a turn that was lost with its process; None while it is running.

    Afterwards it cannot store anything more.
    """
    query = _turns(connection).where(conversations.c.user_id == user_id, conversations.c.turn == token)
    found = (await connection.execute(query.with_for_update())).one_or_none()
    if found is None:
        return Lost(None, token, ())
    if found.running:
        return None
    lost = Lost(found.id, token, _effects(found.effects))
    given_back = sa.update(conversations).values(turn=None, turn_expires_at=None)
    await connection.execute(given_back.where(conversations.c.id == found.id))
    return lost


def _turns(connection: AsyncConnection) -> sa.Select[Any]:
    columns = conversations.c
    running = columns.turn.is_not(None) & (columns.turn_expires_at > _clock(connection.dialect.name))
    query = sa.select(columns.id, columns.turn, columns.effects, running.label("running"))
    return query.params(until=_until(connection))


def _effects(lines: str | None) -> tuple[Effect, ...]:
    return tuple(json.loads(line) for line in (lines or "").splitlines())


@cache
def _clock(dialect: str) -> sa.ColumnElement[Any]:
    """Return a time on the database's clock, since the replicas' clocks differ; `until` says which."""
    if dialect == "postgresql":
        clock = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
        return clock + sa.bindparam("until", type_=sa.Interval())
    return sa.bindparam("until", type_=UtcDateTime())


def _until(connection: AsyncConnection, ahead: timedelta = timedelta(0)) -> datetime | timedelta:
    """Return the parameter of `_clock` for a time now or a little ahead."""
    return ahead if connection.dialect.name == "postgresql" else now() + ahead


_HOLD = (
    sa.update(conversations)
    .where(conversations.c.id == sa.bindparam("number"), conversations.c.turn == sa.bindparam("held"))
    .returning(conversations.c.effects)
)
_NOTE = _HOLD.values(effects=sa.func.coalesce(conversations.c.effects, "").concat(sa.bindparam("line")))


@cache
def _renew(dialect: str) -> ReturningUpdate[Any]:
    return _HOLD.values(turn_expires_at=_clock(dialect))


async def renew(connection: AsyncConnection, turn: Turn, lease: timedelta) -> None:
    """Extend a turn's lease, counted from now; raise TurnLost if another has the conversation."""
    await _hold(connection, turn, _renew(connection.dialect.name), {"until": _until(connection, lease)})


async def note_effect(
    connection: AsyncConnection, turn: Turn, name: str, arguments: Mapping[str, Any], result: Any
) -> None:
    """Note a tool's change during a turn, in its transaction; on TurnLost it must not be made.

    The row stays locked until the commit, so that no other turn begins between the change and its note.
    """
    line = json.dumps({"name": name, "arguments": dict(arguments), "result": result}) + "\n"
    await _hold(connection, turn, _NOTE, {"line": line})


async def _hold(
    connection: AsyncConnection, turn: Turn, change: ReturningUpdate[Any], values: Mapping[str, Any]
) -> str | None:
    """Change the row of a turn's conversation and return the turn's effects."""
    held = {"number": turn.conversation_id, "held": turn.token, **values}
    row = (await connection.execute(change, held)).one_or_none()
    if row is None:
        raise TurnLost
    effects: str | None = row.effects
    return effects


_NEWEST = (
    sa.select(messages.c.role, messages.c.content, messages.c.tool_calls)
    .where(messages.c.conversation_id == sa.bindparam("number"))
    .order_by(messages.c.id.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def newest_messages(
    connection: AsyncConnection, conversation_id: int, limit: int
) -> tuple[Message, ...]:
    """Return a conversation's newest messages, in chronological order."""
    rows = (await connection.execute(_NEWEST, {"number": conversation_id, "most": limit})).all()
    return tuple(Message(row.role, row.content, tuple(_calls(row.tool_calls))) for row in reversed(rows))


def _calls(stored: str | None) -> list[Effect]:
    calls: list[Effect] = json.loads(stored or "[]")
    return calls


async def end_turn(
    connection: AsyncConnection,
    user_id: str,
    turn: Turn,
    reply: str | None,
    tool_calls: Sequence[Effect] | None = None,
) -> tuple[Effect, ...]:
    """End a turn in a transaction, and return the changes by its tools; raise TurnLost if it lost its lease.

    Release the conversation, and store the reply and its tool calls, if any. If those are unknown, store the
    calls that changed something.
    """
    ended = {"turn": None, "turn_expires_at": None, "updated_at": now()}
    effects = _effects(await _hold(connection, turn, _HOLD, ended))
    calls = effects if tool_calls is None else tool_calls
    if reply or calls:
        stored = json.dumps(calls) if calls else None
        await _store(
            connection, user_id, turn.conversation_id, turn.token, "assistant", reply or "", tool_calls=stored
        )
    return effects


async def has_reply(database: Executor, turn: Turn) -> bool:
    """Tell whether a turn's reply is stored, as after a commit whose acknowledgement was lost."""
    query = sa.select(messages.c.id).where(
        messages.c.conversation_id == turn.conversation_id,
        messages.c.turn == turn.token,
        messages.c.role == "assistant",
    )
    return await database.scalar(query) is not None


_ADD_MESSAGE = sa.insert(messages)


async def _store(
    connection: AsyncConnection,
    user_id: str,
    conversation_id: int,
    turn: str,
    role: Role,
    content: str,
    *,
    tool_calls: str | None = None,
) -> None:
    values = {
        "user_id": user_id,
        "conversation_id": conversation_id,
        "role": role,
        "content": content,
        "tool_calls": tool_calls,
        "turn": turn,
        "created_at": now(),
    }
    await connection.execute(_ADD_MESSAGE, values)


_SHOWN = (
    conversations.c.id,
    conversations.c.title,
    conversations.c.created_at,
    conversations.c.updated_at,
)


def _is(user_id: str, conversation_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(conversations.c.id == conversation_id, conversations.c.user_id == user_id)


async def list_page(
    database: Executor, user_id: str, *, after: Position | None, limit: int
) -> list[dict[str, Any]]:
    """Return a user's conversations after a position, most recently used first."""
    columns = conversations.c
    query = sa.select(*_SHOWN).where(columns.user_id == user_id)
    if after is not None:
        position = sa.tuple_(
            sa.literal(after.value, columns.updated_at.type), sa.literal(after.id, columns.id.type)
        )
        query = query.where(sa.tuple_(columns.updated_at, columns.id) < position)
    query = query.order_by(columns.updated_at.desc(), columns.id.desc()).limit(limit)
    return [dict(row) for row in (await database.execute(query)).mappings()]


async def count(database: Executor, user_id: str) -> int:
    """Return the number of a user's conversations."""
    query = sa.select(sa.func.count()).where(conversations.c.user_id == user_id)
    return int((await database.execute(query)).scalar_one())


async def get(database: Executor, user_id: str, conversation_id: int) -> dict[str, Any] | None:
    """Return one conversation of a user, without its messages."""
    query = sa.select(*_SHOWN).where(_is(user_id, conversation_id))
    row = (await database.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def list_messages(
    database: Executor, conversation_id: int, *, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return a conversation's newest messages, or those before one, in chronological order."""
    columns = messages.c
    query = sa.select(columns.id, columns.role, columns.content, columns.tool_calls, columns.created_at)
    query = query.where(columns.conversation_id == conversation_id)
    query = query if before is None else query.where(columns.id < before)
    rows = (await database.execute(query.order_by(columns.id.desc()).limit(limit))).mappings().all()
    return [{**row, "tool_calls": _calls(row["tool_calls"])} for row in reversed(rows)]


async def rename(database: Executor, user_id: str, conversation_id: int, title: str) -> dict[str, Any] | None:
    """Set a conversation's title and return the conversation, in one statement."""
    statement = sa.update(conversations).where(_is(user_id, conversation_id)).values(title=title)
    row = (await database.execute(statement.returning(*_SHOWN))).mappings().one_or_none()
    return None if row is None else dict(row)


async def delete(connection: AsyncConnection, user_id: str, conversation_id: int | None = None) -> bool:
    """Delete one conversation of a user with its messages, or all of them; tell whether there was one."""
    mine = conversations.c.user_id == user_id if conversation_id is None else _is(user_id, conversation_id)
    return bool((await connection.execute(sa.delete(conversations).where(mine))).rowcount)
