"""Queries on tasks. Every one of them names the user, so no query can reach another user's tasks."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from todo_api.db.tables import now, tasks

MAX_ID = 2**63 - 1

type Status = Literal["all", "pending", "completed"]
type Sort = Literal["-created_at", "created_at", "-updated_at", "updated_at", "title", "-title"]


class WrongCursor(ValueError):
    """The cursor was not made by this service for this order."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: its sort value, and its id to tell equal values apart."""

    value: str | datetime
    id: int

    def encode(self, sort: Sort) -> str:
        """Return the opaque text that clients hand back."""
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([sort, value, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, cursor: str, sort: Sort) -> Position:
        """Return the position in a cursor.

        Raises:
            WrongCursor: When it is damaged or made for another order.
        """
        try:
            made_for, value, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if made_for != sort or type(row_id) is not int or not 0 < row_id <= MAX_ID:
                raise WrongCursor("the cursor belongs to another list")
            if not isinstance(value, str) or "\0" in value:
                raise WrongCursor("the cursor is damaged")
            value.encode()
            return cls(value if sort.endswith("title") else _moment(value), row_id)
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise WrongCursor("the cursor is damaged") from error


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise WrongCursor("the cursor is damaged")
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, and the cursor of the next page where there is one."""

    rows: list[sa.RowMapping]
    next_cursor: str | None


async def list_page(
    connection: AsyncConnection,
    user_id: str,
    *,
    status: Status = "all",
    search: str | None = None,
    sort: Sort = "-created_at",
    after: Position | None = None,
    limit: int = 50,
) -> Page:
    """Return the tasks after a position, by keyset: a page costs the same wherever it is."""
    column = tasks.c[sort.removeprefix("-")]
    query = sa.select(tasks).where(tasks.c.user_id == user_id)
    if status != "all":
        query = query.where(tasks.c.completed == (status == "completed"))
    if search:
        query = query.where(tasks.c.title.icontains(search, autoescape=True))
    if after is not None:
        row = sa.tuple_(column, tasks.c.id)
        value = sa.tuple_(sa.literal(after.value, column.type), sa.literal(after.id, tasks.c.id.type))
        query = query.where(row < value if sort.startswith("-") else row > value)
    order = (column.desc(), tasks.c.id.desc()) if sort.startswith("-") else (column, tasks.c.id)
    result = await connection.execute(query.order_by(*order).limit(limit + 1))
    rows = list(result.mappings())
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], Position(last[column.name], last["id"]).encode(sort))


async def get(connection: AsyncConnection, user_id: str, task_id: int) -> sa.RowMapping | None:
    """Return one task of a user."""
    result = await connection.execute(sa.select(tasks).where(_is(user_id, task_id)))
    return result.mappings().one_or_none()


async def add(
    connection: AsyncConnection,
    user_id: str,
    *,
    title: str,
    description: str | None = None,
    completed: bool = False,
) -> sa.RowMapping:
    """Store a task and return it."""
    moment = now()
    values = {
        "user_id": user_id,
        "title": title,
        "description": description,
        "completed": completed,
        "created_at": moment,
        "updated_at": moment,
    }
    result = await connection.execute(sa.insert(tasks).values(values).returning(tasks))
    row: sa.RowMapping = result.mappings().one()
    return row


async def change(
    connection: AsyncConnection, user_id: str, task_id: int, **values: Any
) -> sa.RowMapping | None:
    """Set columns of a task and return it, in one statement."""
    return await _update(connection, user_id, task_id, values)


async def toggle(connection: AsyncConnection, user_id: str, task_id: int) -> sa.RowMapping | None:
    """Turn completed into pending and back, in one statement, so that two toggles are never one."""
    return await _update(connection, user_id, task_id, {"completed": sa.not_(tasks.c.completed)})


async def delete(connection: AsyncConnection, user_id: str, task_id: int) -> str | None:
    """Delete a task and return its title."""
    statement = sa.delete(tasks).where(_is(user_id, task_id)).returning(tasks.c.title)
    title: str | None = await connection.scalar(statement)
    return title


async def _update(
    connection: AsyncConnection, user_id: str, task_id: int, values: dict[str, Any]
) -> sa.RowMapping | None:
    statement = (
        sa.update(tasks).where(_is(user_id, task_id)).values(**values, updated_at=now()).returning(tasks)
    )
    row: sa.RowMapping | None = (await connection.execute(statement)).mappings().one_or_none()
    return row


def _is(user_id: str, task_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.id == task_id, tasks.c.user_id == user_id)
