"""Operations on tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from todo_api.api.dependencies import Db, IdempotencyKey, TaskId, User, bearer
from todo_api.api.openapi import problems
from todo_api.api.schemas import Task, TaskCreate, TaskReplace
from todo_api.db import idempotency
from todo_api.db import tasks as store
from todo_api.db.tasks import Position, Sort, Status, WrongCursor
from todo_api.problems import Problem, in_progress, invalid

router = APIRouter(prefix="/api/{user_id}/tasks", tags=["tasks"], dependencies=[Depends(bearer)])

REPLAYED = "Idempotency-Replayed"
REPLAYED_HEADER = {
    REPLAYED: {"description": "`true` when the key was seen before.", "schema": {"type": "string"}}
}
_PAGE_HEADERS = {
    "Link": {"description": 'Address of the next page, `rel="next"`.', "schema": {"type": "string"}},
    "X-Next-Cursor": {
        "description": "Cursor of the next page; absent on the last.",
        "schema": {"type": "string"},
    },
}


def no_task(task_id: int) -> Problem:
    """Return the 404 for a task that this user does not have, whether or not another does."""
    return Problem(404, "not-found", f"There is no task {task_id}.")


@router.get(
    "",
    summary="List tasks",
    responses={200: {"headers": _PAGE_HEADERS, "description": "One page of tasks."}, **problems()},
)
async def list_tasks(
    user: User,
    database: Db,
    request: Request,
    response: Response,
    status: Annotated[Status, Query(description="Which tasks.", examples=["pending"])] = "all",
    search: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="Text in the title.", examples=["milk"]),
    ] = None,
    sort: Annotated[
        Sort, Query(description="Order; `-` means descending.", examples=["-created_at"])
    ] = "-created_at",
    limit: Annotated[int, Query(ge=1, le=200, description="Tasks on a page.", examples=[50])] = 50,
    cursor: Annotated[
        str | None, Query(max_length=2048, description="`X-Next-Cursor` of the page before.")
    ] = None,
) -> list[Task]:
    """List the user's tasks, page by page.

    The cursor holds the position of the last task, so pages neither skip nor repeat when tasks come and go.
    """
    try:
        after = Position.decode(cursor, sort) if cursor else None
    except WrongCursor as error:
        raise invalid("query.cursor", f"{error}; begin again without a cursor") from error
    async with database.reading() as connection:
        page = await store.list_page(
            connection, user, status=status, search=search, sort=sort, after=after, limit=limit
        )
    if page.next_cursor is not None:
        query = {"status": status, "sort": sort, "limit": limit, "cursor": page.next_cursor}
        query |= {"search": search} if search else {}
        response.headers["X-Next-Cursor"] = page.next_cursor
        response.headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
    return [Task.model_validate(row) for row in page.rows]


@router.post(
    "",
    status_code=201,
    summary="Add a task",
    response_model=Task,
    responses={
        201: {
            "description": "The new task.",
            "headers": {
                "Location": {"description": "Path of the task.", "schema": {"type": "string"}},
                **REPLAYED_HEADER,
            },
        },
        **problems(409, 413),
    },
)
async def add_task(
    user: User, database: Db, body: TaskCreate, idempotency_key: IdempotencyKey = None
) -> Response:
    """Add a task; with an `Idempotency-Key` at most once."""
    key = (
        idempotency.Key.of(user, idempotency_key, "add_task", body.model_dump()) if idempotency_key else None
    )
    replayed = None
    async with database.writing() as connection:
        if key is not None:
            with refuse_key():
                replayed = await idempotency.claim(connection, key)
        if replayed is None:
            row = await store.add(connection, user, title=body.title, description=body.description)
            content = Task.model_validate(row).model_dump(mode="json")
            if key is not None:
                await idempotency.complete(connection, key, content)
        else:
            content = replayed
    headers = {"Location": f"/api/{user}/tasks/{content['id']}"} if user.isascii() else {}
    headers |= {REPLAYED: "true"} if replayed is not None else {}
    return JSONResponse(content, status_code=201, headers=headers)


@contextmanager
def refuse_key() -> Iterator[None]:
    """Turn the refusals of an idempotency key into problems."""
    try:
        yield
    except idempotency.KeyReused:
        raise invalid(
            "header.Idempotency-Key", "was used with another request; take a new key for a new request"
        ) from None
    except idempotency.StillRunning:
        raise in_progress(
            "in-progress", "The first request with this Idempotency-Key is still running; try again."
        ) from None


@router.get("/{task_id}", summary="Get a task", responses=problems(404))
async def get_task(user: User, database: Db, task_id: TaskId) -> Task:
    """Return one task."""
    async with database.reading() as connection:
        row = await store.get(connection, user, task_id)
    if row is None:
        raise no_task(task_id)
    return Task.model_validate(row)


@router.put("/{task_id}", summary="Replace a task", responses=problems(404, 413))
async def replace_task(user: User, database: Db, task_id: TaskId, body: TaskReplace) -> Task:
    """Replace title and description; `completed` too when it is given."""
    values = {"title": body.title, "description": body.description}
    completed = {} if body.completed is None else {"completed": body.completed}
    async with database.writing() as connection:
        row = await store.change(connection, user, task_id, **values, **completed)
    if row is None:
        raise no_task(task_id)
    return Task.model_validate(row)


@router.patch("/{task_id}/complete", summary="Toggle completion", responses=problems(404))
async def toggle_task(user: User, database: Db, task_id: TaskId) -> Task:
    """Turn a pending task into a completed one and back."""
    async with database.writing() as connection:
        row = await store.toggle(connection, user, task_id)
    if row is None:
        raise no_task(task_id)
    return Task.model_validate(row)


@router.delete("/{task_id}", status_code=204, summary="Delete a task", responses=problems(404))
async def delete_task(user: User, database: Db, task_id: TaskId) -> None:
    """Delete a task for good."""
    async with database.writing() as connection:
        title = await store.delete(connection, user, task_id)
    if title is None:
        raise no_task(task_id)
