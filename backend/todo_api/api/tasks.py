"""Operations on tasks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from todo_api.api.dependencies import Caller, IdempotencyKey, IfMatch, Session, TaskId
from todo_api.api.openapi import header, operation_id, problems
from todo_api.api.pages import JSON, PAGE_HEADERS, Count, Cursor, Limit, page, path_of, position
from todo_api.api.schemas import (
    TASK,
    TASK_BATCH,
    TASKS,
    Task,
    TaskBatch,
    TaskBatchCreate,
    TaskCreate,
    TaskPatch,
    TaskReplace,
)
from todo_api.db import idempotency
from todo_api.db import tasks as store
from todo_api.db.engine import Executor
from todo_api.db.tasks import Filter, New, Sort, Status
from todo_api.problems import Problem, in_progress, invalid

router = APIRouter(prefix="/api/{user_id}/tasks", tags=["tasks"], generate_unique_id_function=operation_id)

REPLAYED = "Idempotency-Replayed"
_ETAG = header("Version of the task, for `If-Match`.")
REPLAYED_HEADER = {REPLAYED: header("`true` when the key was seen before.")}
_TASK: dict[int | str, dict[str, Any]] = {200: {"description": "The task.", "headers": {"ETag": _ETAG}}}


def no_task(task_id: int) -> Problem:
    """Return the 404 for a task that this user lacks, whether or not another has it."""
    return Problem(404, "not-found", f"There is no task {task_id}.")


def etag(content: bytes) -> str:
    """Return the entity tag of a task: equal tags mean equal content."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def matches(if_match: str, current: str) -> bool:
    """Tell whether a precondition names a version, by strong comparison (RFC 9110)."""
    return if_match.strip() == "*" or current in re.findall(r'(?:^|[\s,])("[^"]*")', if_match)


def _answer(row: store.Row) -> Response:
    content = TASK.dump_json(row)  # type: ignore[arg-type]
    return Response(content, media_type=JSON, headers={"ETag": etag(content)})


@router.get(
    "",
    summary="List tasks",
    response_model=list[Task],
    responses={200: {"headers": PAGE_HEADERS, "description": "One page of tasks."}, **problems()},
)
async def list_tasks(
    caller: Caller,
    status: Annotated[Status, Query(description="Which tasks.", examples=["pending"])] = "all",
    search: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="Text in the title.", examples=["milk"]),
    ] = None,
    sort: Annotated[
        Sort, Query(description="Order; `-` means descending.", examples=["-created_at"])
    ] = "-created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
    count: Count = False,
) -> Response:
    """List the user's tasks, page by page.

    The cursor holds the position of the last task, so pages neither skip nor repeat when tasks come and go.
    """
    after = position(cursor, sort)
    which = Filter(status, search)
    found = await store.list_page(caller.database, caller.user, which, sort=sort, after=after, limit=limit)
    total = await store.count(caller.database, caller.user, which) if count else None
    query = {"status": status, "sort": sort, "limit": limit, **({"search": search} if search else {})}
    content = TASKS.dump_json(found.rows)  # type: ignore[arg-type]
    return page(content, caller.user, "tasks", query, found.next_cursor, total)


@router.post(
    "",
    status_code=201,
    summary="Add a task",
    response_model=Task,
    responses={
        201: {
            "description": "The new task.",
            "headers": {"Location": header("Path of the task."), "ETag": _ETAG, **REPLAYED_HEADER},
        },
        **problems(409, 413, 415),
    },
)
async def add_task(caller: Caller, body: TaskCreate, idempotency_key: IdempotencyKey = None) -> Response:
    """Add a task; with an `Idempotency-Key` at most once."""
    key = (
        idempotency.Key.of(caller.user, idempotency_key, "add_task", body.model_dump())
        if idempotency_key
        else None
    )

    def render(rows: Sequence[store.Row]) -> bytes:
        return TASK.dump_json(rows[0])  # type: ignore[arg-type]

    content, replayed = await _add(caller, [New(body.title, body.description)], key, render)
    number = json.loads(content)["id"]
    headers = {"Location": path_of(caller.user, f"tasks/{number}")}
    headers |= {REPLAYED: "true"} if replayed else {"ETag": etag(content)}
    return Response(content, status_code=201, media_type=JSON, headers=headers)


@router.post(
    "/batch",
    status_code=201,
    summary="Add several tasks",
    response_model=TaskBatch,
    responses={
        201: {"description": "The new tasks, in the order given.", "headers": REPLAYED_HEADER},
        **problems(409, 413, 415),
    },
)
async def add_tasks(
    caller: Caller, body: TaskBatchCreate, idempotency_key: IdempotencyKey = None
) -> Response:
    """Add all of the tasks or none; with an `Idempotency-Key` at most once."""
    key = (
        idempotency.Key.of(caller.user, idempotency_key, "add_tasks", body.model_dump())
        if idempotency_key
        else None
    )

    def render(rows: Sequence[store.Row]) -> bytes:
        return TASK_BATCH.dump_json({"tasks": rows})  # type: ignore[typeddict-item]

    new = [New(task.title, task.description) for task in body.tasks]
    content, replayed = await _add(caller, new, key, render)
    headers = {REPLAYED: "true"} if replayed else {}
    return Response(content, status_code=201, media_type=JSON, headers=headers)


async def _add(
    caller: Session,
    new: Sequence[New],
    key: idempotency.Key | None,
    render: Callable[[Sequence[store.Row]], bytes],
) -> tuple[bytes, bool]:
    """Store tasks, or find the answer to the key's first request; tell which."""
    if key is None and len(new) == 1:
        return render(await store.add_all(caller.database, caller.user, new)), False
    async with caller.database.transaction() as connection:
        if key is None:
            return render(await store.add_all(connection, caller.user, new)), False
        with refuse_key():
            replayed = await idempotency.claim(connection, key)
        if replayed is not None:
            return json.dumps(replayed, ensure_ascii=False, separators=(",", ":")).encode(), True
        content = render(await store.add_all(connection, caller.user, new))
        await idempotency.complete(connection, key, json.loads(content))
        return content, False


@contextmanager
def refuse_key() -> Iterator[None]:
    """Turn an idempotency key's refusals into problems."""
    try:
        yield
    except idempotency.KeyReused:
        raise invalid(
            "header",
            "Idempotency-Key",
            "was used with another request; take a new key for a new request",
        ) from None
    except idempotency.StillRunning:
        raise in_progress(
            "in-progress", "The first request with this Idempotency-Key is still running; try again."
        ) from None


@router.get("/{task_id}", summary="Get a task", response_model=Task, responses={**_TASK, **problems(404)})
async def get_task(caller: Caller, task_id: TaskId) -> Response:
    """Return one task."""
    row = await store.get(caller.database, caller.user, task_id)
    if row is None:
        raise no_task(task_id)
    return _answer(row)


_CHANGES = problems(404, 412, 428)
_CHANGES_WITH_BODY = problems(404, 412, 413, 415, 428)


async def _change[T](
    caller: Session,
    task_id: int,
    if_match: str | None,
    change: Callable[[Executor], Awaitable[T | None]],
) -> T:
    """Make one change; with a precondition only to the version that it names."""
    if if_match is None:
        changed = await change(caller.database)
    else:
        async with caller.database.transaction() as connection:
            row = await store.get(connection, caller.user, task_id, to_change=True)
            if row is None:
                raise no_task(task_id)
            current = etag(TASK.dump_json(row))  # type: ignore[arg-type]
            if not matches(if_match, current):
                raise Problem(
                    412,
                    "precondition-failed",
                    "The task is no longer the version that If-Match names; read it again.",
                    headers={"ETag": current},
                )
            changed = await change(connection)
    if changed is None:
        raise no_task(task_id)
    return changed


@router.put(
    "/{task_id}",
    summary="Replace a task",
    response_model=Task,
    responses={**_TASK, **_CHANGES_WITH_BODY},
)
async def replace_task(
    caller: Caller, task_id: TaskId, body: TaskReplace, if_match: IfMatch = None
) -> Response:
    """Replace title and description; `completed` too when it is given."""
    values = {"title": body.title, "description": body.description}
    completed = {} if body.completed is None else {"completed": body.completed}
    return _answer(
        await _change(
            caller,
            task_id,
            if_match,
            lambda database: store.change(database, caller.user, task_id, **values, **completed),
        )
    )


@router.patch(
    "/{task_id}",
    summary="Change parts of a task",
    response_model=Task,
    responses={**_TASK, **_CHANGES_WITH_BODY},
)
async def update_task(caller: Caller, task_id: TaskId, body: TaskPatch, if_match: IfMatch = None) -> Response:
    """Set the members that are given; `description: null` removes it (RFC 7396)."""
    values = body.model_dump(exclude_unset=True)
    return _answer(
        await _change(
            caller,
            task_id,
            if_match,
            lambda database: store.change(database, caller.user, task_id, **values),
        )
    )


@router.patch(
    "/{task_id}/complete",
    summary="Toggle completion",
    response_model=Task,
    responses={**_TASK, **_CHANGES},
)
async def toggle_task(caller: Caller, task_id: TaskId, if_match: IfMatch = None) -> Response:
    """Turn a pending task into a completed one and back."""
    return _answer(
        await _change(
            caller,
            task_id,
            if_match,
            lambda database: store.toggle(database, caller.user, task_id),
        )
    )


@router.delete("/{task_id}", status_code=204, summary="Delete a task", responses=_CHANGES)
async def delete_task(caller: Caller, task_id: TaskId, if_match: IfMatch = None) -> None:
    """Delete a task for good."""
    await _change(
        caller,
        task_id,
        if_match,
        lambda database: store.delete(database, caller.user, task_id),
    )
