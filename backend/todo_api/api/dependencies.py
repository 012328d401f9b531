"""Dependencies of operations: the user, the database, the idempotency key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Request

from todo_api.auth.tokens import Principal
from todo_api.db.engine import Database
from todo_api.http.gate import PRINCIPAL
from todo_api.problems import Problem

type UserId = Annotated[str, Path(max_length=255, description="The token's subject.", examples=["ada"])]


async def current_user(request: Request, user_id: UserId) -> str:
    """Return the verified user, who must be the path's user.

    The gate has verified the token; here the path is only compared with it.
    """
    principal: Principal = request.scope[PRINCIPAL]
    if principal.user_id != user_id:
        raise Problem(403, "forbidden", "The token belongs to a user other than the one in the path.")
    request.app.state.agents.wanted.set()
    return principal.user_id


@dataclass(frozen=True, slots=True)
class Session:
    """The verified user of a request, and the database: one dependency costs less than two."""

    user: str
    database: Database


async def session(request: Request, user_id: UserId) -> Session:
    """Return the session of the path's user."""
    return Session(await current_user(request, user_id), request.app.state.database)


async def precondition(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=1024,
            description="The change is made only if the task still has this `ETag`; `*` for any.",
            examples=['"5e4f8c1b0a9d7e6f5e4f8c1b0a9d7e6f"'],
        ),
    ] = None,
) -> str | None:
    """Return the precondition of a change; it may be required."""
    if if_match is None and request.app.state.settings.require_if_match:
        raise Problem(
            428, "precondition-required", "Send If-Match with the ETag of the task as you last read it."
        )
    return if_match


type User = Annotated[str, Depends(current_user)]
type Caller = Annotated[Session, Depends(session)]
type TaskId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the task.", examples=[7])]
type IfMatch = Annotated[str | None, Depends(precondition)]
type IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text that is new for each new request. Sent again within 24 hours, the first answer "
        "is given again and nothing is done twice.",
        examples=["5f0d0c1e-6e0b-4d6a-9d38-0f7f5b0f7a11"],
    ),
]
