"""Positions in a list, and their cursors for clients."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime

MAX_ID = 2**63 - 1


class WrongCursor(ValueError):
    """The cursor was not made by this service for this order."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: its sort value, and its id to order equal values."""

    value: str | datetime
    id: int

    def encode(self, order: str) -> str:
        """Return the opaque cursor for clients."""
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([order, value, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, cursor: str, order: str) -> Position:
        """Return a cursor's position; raise WrongCursor if it is damaged or made for another order."""
        try:
            made_for, value, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if made_for != order or type(row_id) is not int or not 0 < row_id <= MAX_ID:
                raise WrongCursor("the cursor belongs to another list")
            if not isinstance(value, str) or "\0" in value:
                raise WrongCursor("the cursor is damaged")
            value.encode()
            return cls(value if order.endswith("title") else _moment(value), row_id)
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
            raise WrongCursor("the cursor is damaged") from error


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise WrongCursor("the cursor is damaged")
    return moment.astimezone(UTC)
