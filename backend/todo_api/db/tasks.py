"""Queries on tasks. Each names the user, so no query reaches another user's tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa

from todo_api.db.engine import Executor
from todo_api.db.position import Position
from todo_api.db.tables import now, tasks

COLUMNS = tuple(tasks.c.keys())

type Row = dict[str, Any]
type Status = Literal["all", "pending", "completed"]
type Sort = Literal["-created_at", "created_at", "-updated_at", "updated_at", "title", "-title"]


@dataclass(frozen=True, slots=True)
class Filter:
    """A selection of a user's tasks."""

    status: Status = "all"
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, and the next page's cursor, if there is one."""

    rows: list[Row]
    next_cursor: str | None


async def list_page(
    database: Executor,
    user_id: str,
    which: Filter = Filter(),
    *,
    sort: Sort = "-created_at",
    after: Position | None = None,
    limit: int = 50,
) -> Page:
    """Return the tasks after a position, by keyset: every page costs the same."""
    values = _values(user_id, which) | {"rows": limit + 1}
    if after is not None:
        values |= {"after_value": after.value, "after_id": after.id}
    statement = _list_statement(which.status, sort, bool(which.search), after is not None)
    rows = _rows(await database.execute(statement, values))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], Position(last[sort.removeprefix("-")], last["id"]).encode(sort))


async def newest(
    database: Executor, user_id: str, which: Filter, *, before: int | None, limit: int
) -> list[Row]:
    """Return the tasks with the highest ids, or the highest below an id, whose task may be gone."""
    query = _filtered(sa.select(tasks), which.status, bool(which.search))
    query = query if before is None else query.where(tasks.c.id < before)
    statement = query.order_by(tasks.c.id.desc()).limit(limit)
    return _rows(await database.execute(statement, _values(user_id, which)))


async def count(database: Executor, user_id: str, which: Filter) -> int:
    """Return the number of tasks on all pages of a list."""
    query = _filtered(sa.select(sa.func.count()).select_from(tasks), which.status, bool(which.search))
    return int((await database.execute(query, _values(user_id, which))).scalar_one())


_LIKE_ESCAPES = str.maketrans({character: f"/{character}" for character in "/%_"})


@cache
def _list_statement(status: Status, sort: Sort, searched: bool, continued: bool) -> sa.Select[Any]:
    """Return the query of a page; there are few, so each is built once."""
    column = tasks.c[sort.removeprefix("-")]
    query = _filtered(sa.select(tasks), status, searched)
    if continued:
        row = sa.tuple_(column, tasks.c.id)
        position = sa.tuple_(
            sa.bindparam("after_value", type_=column.type), sa.bindparam("after_id", type_=tasks.c.id.type)
        )
        query = query.where(row < position if sort.startswith("-") else row > position)
    order = (column.desc(), tasks.c.id.desc()) if sort.startswith("-") else (column, tasks.c.id)
    return query.order_by(*order).limit(sa.bindparam("rows", type_=sa.Integer))


def _filtered(query: sa.Select[Any], status: Status, searched: bool) -> sa.Select[Any]:
    query = query.where(tasks.c.user_id == sa.bindparam("user_id"))
    if status != "all":
        query = query.where(tasks.c.completed == (status == "completed"))
    if searched:
        query = query.where(tasks.c.title.icontains(sa.bindparam("search"), escape="/"))
    return query


def _values(user_id: str, which: Filter) -> dict[str, Any]:
    searched = {"search": which.search.translate(_LIKE_ESCAPES)} if which.search else {}
    return {"user_id": user_id, **searched}


def _rows(result: sa.CursorResult[Any]) -> list[Row]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in result.all()]


def _row(result: sa.CursorResult[Any]) -> Row | None:
    row = result.one_or_none()
    return None if row is None else dict(zip(COLUMNS, row, strict=True))


async def get(database: Executor, user_id: str, task_id: int, *, to_change: bool = False) -> Row | None:
    """Return one task of a user; with `to_change`, other changes wait for the end of the transaction."""
    query = sa.select(tasks).where(_is(user_id, task_id))
    return _row(await database.execute(query.with_for_update() if to_change else query))


@dataclass(frozen=True, slots=True)
class New:
    """A task to be stored."""

    title: str
    description: str | None = None


async def add(database: Executor, user_id: str, new: New) -> Row:
    """Store a task and return it."""
    (row,) = await add_all(database, user_id, [new])
    return row


_INSERT = sa.insert(tasks).returning(tasks.c.id)
_INSERT_IN_ORDER = sa.insert(tasks).returning(tasks.c.id, sort_by_parameter_order=True)


async def add_all(database: Executor, user_id: str, new: Sequence[New]) -> list[Row]:
    """Store tasks and return them in the given order."""
    moment = now()
    rows: list[Row] = [
        {
            "user_id": user_id,
            "title": one.title,
            "description": one.description,
            "completed": False,
            "created_at": moment,
            "updated_at": moment,
        }
        for one in new
    ]
    # The database adds only the numbers: reading the rest back would cost time and tell nothing new.
    statement = _INSERT_IN_ORDER if len(rows) > 1 else _INSERT
    result = await database.execute(statement, rows if len(rows) > 1 else rows[0])
    return [{"id": number, **row} for number, row in zip(result.scalars(), rows, strict=True)]


async def change(database: Executor, user_id: str, task_id: int, **values: Any) -> Row | None:
    """Set columns of a task and return it, in one statement."""
    return await _update(database, user_id, task_id, values)


async def toggle(database: Executor, user_id: str, task_id: int) -> Row | None:
    """Turn completed into pending and back, in one statement, so that two toggles never become one."""
    return await _update(database, user_id, task_id, {"completed": sa.not_(tasks.c.completed)})


async def delete(database: Executor, user_id: str, task_id: int) -> str | None:
    """Delete a task and return its title."""
    statement = sa.delete(tasks).where(_is(user_id, task_id)).returning(tasks.c.title)
    title: str | None = await database.scalar(statement)
    return title


async def delete_all(database: Executor, user_id: str) -> None:
    """Delete all tasks of a user."""
    await database.execute(sa.delete(tasks).where(tasks.c.user_id == user_id))


async def _update(database: Executor, user_id: str, task_id: int, values: dict[str, Any]) -> Row | None:
    statement = (
        sa.update(tasks).where(_is(user_id, task_id)).values(**values, updated_at=now()).returning(tasks)
    )
    return _row(await database.execute(statement))


def _is(user_id: str, task_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.id == task_id, tasks.c.user_id == user_id)
