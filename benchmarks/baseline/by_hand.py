"""List and create tasks with Starlette and psycopg alone: the least work for a Python service."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import jwt
import psycopg
from psycopg.rows import dict_row
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = "id, user_id, title, description, completed, created_at, updated_at"
LIST = f"SELECT {COLUMNS} FROM tasks WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT 50"  # noqa: S608
ADD = (
    "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "  # noqa: S608
    f"VALUES (%s, %s, %s, false, %s, %s) RETURNING {COLUMNS}"
)
CONNECTIONS = 5

keys = jwt.PyJWKClient(os.environ["BETTER_AUTH_JWKS_URL"])
issuer = os.environ["BETTER_AUTH_ISSUER"]
pool: asyncio.LifoQueue[psycopg.AsyncConnection[dict[str, Any]]] = asyncio.LifoQueue()


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Open all connections, and close them at the end."""
    opened = [
        await psycopg.AsyncConnection.connect(
            os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row
        )
        for _ in range(CONNECTIONS)
    ]
    for connection in opened:
        pool.put_nowait(connection)
    yield
    for connection in opened:
        await connection.close()


async def query(statement: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
    connection = await pool.get()
    try:
        return await (await connection.execute(statement.encode(), values)).fetchall()
    finally:
        pool.put_nowait(connection)


def user_of(request: Request) -> str:
    """Return the token's subject, which must be the path's user."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA"],
            audience=issuer,
            issuer=issuer,
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    user: str = claims["sub"]
    if user != request.path_params["user_id"]:
        raise HTTPException(403)
    return user


def answer(content: object, status: int = 200) -> Response:
    text = json.dumps(content, default=datetime.isoformat)
    return Response(text, status, media_type="application/json")


async def readyz(_request: Request) -> Response:
    await query("SELECT %s::int", (1,))
    return answer({"status": "ready"})


async def tasks(request: Request) -> Response:
    user = user_of(request)
    if request.method != "POST":
        return answer(await query(LIST, (user,)))
    body = json.loads(await request.body())
    now = datetime.now(UTC)
    (row,) = await query(ADD, (user, body["title"], body.get("description"), now, now))
    return answer(row, 201)


app = Starlette(
    routes=[Route("/readyz", readyz), Route("/api/{user_id}/tasks", tasks, methods=["GET", "POST"])],
    lifespan=lifespan,
)
