"""Pages of a list: their parameters, and the headers that link them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Query, Response

from todo_api.api.openapi import header
from todo_api.db.position import Position, WrongCursor
from todo_api.problems import PATH_CHARACTERS, invalid

JSON = "application/json"
CURSOR_HEADERS = {
    "Link": header('Address of the next page, `rel="next"`.'),
    "X-Next-Cursor": header("Cursor of the next page; absent on the last."),
}
PAGE_HEADERS = {
    **CURSOR_HEADERS,
    "X-Total-Count": header("Length of all pages together, with `count=true`.", type="integer"),
}

type Limit = Annotated[int, Query(ge=1, le=200, description="Entries on a page.", examples=[50])]
type Cursor = Annotated[str | None, Query(max_length=2048, description="`X-Next-Cursor` of the page before.")]
type Count = Annotated[bool, Query(description="Whether to count the entries on all pages.")]


def position(cursor: str | None, order: str) -> Position | None:
    """Return the position after which a page begins; refuse cursors of another order."""
    try:
        return Position.decode(cursor, order) if cursor else None
    except WrongCursor as error:
        raise invalid("query", "cursor", f"{error}; begin again without a cursor") from error


def path_of(user: str, below: str) -> str:
    """Return a path below a user's, percent-encoded."""
    return f"/api/{quote(user, safe=PATH_CHARACTERS[1:])}/{below}"


def page(
    content: bytes,
    user: str,
    below: str,
    query: Mapping[str, object],
    cursor: str | None,
    total: int | None = None,
) -> Response:
    """Return the response for a page.

    Args:
        content: The page as JSON.
        below: The list's path below the user's.
        query: Parameters of the next page besides its cursor and the count.
        cursor: The next page's, if there is one.
        total: Length of all pages, if requested.
    """
    headers = {} if total is None else {"X-Total-Count": str(total)}
    if cursor is not None:
        counted = {} if total is None else {"count": "true"}
        address = f"{path_of(user, below)}?{urlencode({**query, **counted, 'cursor': cursor})}"
        headers |= {"X-Next-Cursor": cursor, "Link": f'<{address}>; rel="next"'}
    return Response(content, media_type=JSON, headers=headers)
