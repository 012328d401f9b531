"""The five tools. Importing this module imports the MCP SDK; mcp_server.endpoint does so off the event loop.

A tool uses the verified caller as the tasks' user, never an argument: arguments come from a model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field
from typing_extensions import TypedDict

from todo_api import __version__
from todo_api.api.schemas import Description, Title
from todo_api.db import tasks as store
from todo_api.db.engine import Database, Unavailable
from todo_api.db.position import MAX_ID
from todo_api.mcp_server.effects import noted

NAME = "todo"
INSTRUCTIONS = "Manages the signed-in user's todo list. Use list_tasks to find the ids that other tools need."
LIST_LIMIT = 200
# The SDK answers these with empty lists and so advertises them; it has no option against that.
_UNUSED = ("prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list")

type TaskNumber = Annotated[int, Field(ge=1, le=MAX_ID, description="The task's id, from list_tasks.")]
type Before = Annotated[
    int | None,
    Field(ge=1, le=MAX_ID, description="Only tasks with ids below this one; for the next page."),
]
type Result = Literal["created", "completed", "deleted", "updated"]


class ListedTask(TypedDict):
    """A task in a list."""

    id: int
    title: str
    completed: bool


class ChangedTask(TypedDict):
    """The task that a tool changed."""

    task_id: int
    status: Result
    title: str


def make_server(database: Database, current_user: Callable[[], str]) -> MCPServer[None]:
    """Make the server; `current_user` returns the verified user of the current call."""
    server: MCPServer[None] = MCPServer(
        NAME,
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        # The list of tools never changes: a subscription would only keep its connection open.
        subscriptions=False,
    )

    @server.tool(annotations=ToolAnnotations(destructive_hint=False, open_world_hint=False))
    async def add_task(title: Title, description: Description | None = None) -> ChangedTask:
        """Add a task to the list."""
        try:
            async with database.transaction() as connection:
                row = await store.add(connection, current_user(), store.New(title, description))
                changed = _changed(row["id"], "created", row["title"])
                arguments = {"title": title, "description": description}
                return await noted(connection, "add_task", arguments, changed)
        except Unavailable as error:
            raise _try_again() from error

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def list_tasks(status: store.Status = "all", before_id: Before = None) -> list[ListedTask]:
        """List tasks, the newest first: all of them, the pending or the completed ones.

        A page holds at most 200. When it is full, call again with before_id set to its last task's id.
        """
        try:
            rows = await store.newest(
                database, current_user(), store.Filter(status), before=before_id, limit=LIST_LIMIT
            )
        except Unavailable as error:
            raise _try_again() from error
        return [ListedTask(id=r["id"], title=r["title"], completed=r["completed"]) for r in rows]

    @server.tool(annotations=ToolAnnotations(idempotent_hint=True, open_world_hint=False))
    async def complete_task(task_id: TaskNumber) -> ChangedTask:
        """Mark a task as completed."""
        try:
            async with database.transaction() as connection:
                row = await store.change(connection, current_user(), task_id, completed=True)
                if row is None:
                    raise _no_task(task_id)
                changed = _changed(task_id, "completed", row["title"])
                return await noted(connection, "complete_task", {"task_id": task_id}, changed)
        except Unavailable as error:
            raise _try_again() from error

    @server.tool(annotations=ToolAnnotations(destructive_hint=True, open_world_hint=False))
    async def delete_task(task_id: TaskNumber) -> ChangedTask:
        """Delete a task for good."""
        try:
            async with database.transaction() as connection:
                title = await store.delete(connection, current_user(), task_id)
                if title is None:
                    raise _no_task(task_id)
                changed = _changed(task_id, "deleted", title)
                return await noted(connection, "delete_task", {"task_id": task_id}, changed)
        except Unavailable as error:
            raise _try_again() from error

    @server.tool(annotations=ToolAnnotations(idempotent_hint=True, open_world_hint=False))
    async def update_task(
        task_id: TaskNumber, title: Title | None = None, description: Description | None = None
    ) -> ChangedTask:
        """Change a task's title, its description or both; what is left out stays."""
        values = {"title": title, "description": description}
        given = {name: value for name, value in values.items() if value is not None}
        if not given:
            raise ToolError("Nothing to change: give a title, a description or both.")
        try:
            async with database.transaction() as connection:
                row = await store.change(connection, current_user(), task_id, **given)
                if row is None:
                    raise _no_task(task_id)
                changed = _changed(task_id, "updated", row["title"])
                return await noted(connection, "update_task", {"task_id": task_id, **given}, changed)
        except Unavailable as error:
            raise _try_again() from error

    for method in _UNUSED:
        del server._lowlevel_server._request_handlers[method]
    return server


def _changed(task_id: int, status: Result, title: str) -> ChangedTask:
    return ChangedTask(task_id=task_id, status=status, title=title)


def _no_task(task_id: int) -> ToolError:
    return ToolError(f"There is no task {task_id}; call list_tasks to see the ids.")


def _try_again() -> ToolError:
    return ToolError("The database does not answer; try again in a moment.")
