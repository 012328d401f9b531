"""Rate limits: a token bucket for each user."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope

from todo_api import metrics
from todo_api.problems import rate_limited

REMEMBERED_USERS = 10_000
LIMITS = "todo_api.limits"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A user's state under a limit after an event.

    Args:
        wait: 0 if the event is allowed, else the seconds until it would be.
        left: Further events that are allowed now.
        full_in: Seconds until a whole minute's events are allowed again.
    """

    wait: float
    left: int
    full_in: float


class RateLimit:
    """Limits each user's events per minute, in bursts up to a minute's number.

    Args:
        name: Names the limit in the RateLimit headers.
        per_minute: 0 means no limit.
        clock: Seconds, monotonic.
    """

    def __init__(self, name: str, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._capacity = per_minute
        self._per_second = per_minute / 60
        self._clock = clock
        # User to (events left, time of that count); the least recently seen user is dropped first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, user_id: str) -> Allowance | None:
        """Count one event of a user; None without a limit."""
        if not self._capacity:
            return None
        now = self._clock()
        left, counted_at = self._buckets.pop(user_id, (float(self._capacity), now))
        left = min(self._capacity, left + (now - counted_at) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        left -= 0 if wait else 1
        self._buckets[user_id] = (left, now)
        if len(self._buckets) > REMEMBERED_USERS:
            self._buckets.popitem(last=False)
        return Allowance(wait, int(left), (self._capacity - left) / self._per_second)

    def enforce(self, user_id: str, scope: Scope, detail: str) -> None:
        """Count one event of a request, or raise a 429 with the detail.

        The response will have the RateLimit headers.
        """
        if (allowance := self.take(user_id)) is None:
            return
        policy = f'"{self.name}";q={self._capacity};w=60'
        state = f'"{self.name}";r={allowance.left};t={math.ceil(allowance.full_in)}'
        scope.setdefault(LIMITS, []).append((policy, state))
        if allowance.wait:
            metrics.RATE_LIMITED.labels(self.name).inc()
            raise rate_limited(detail, allowance.wait)


def add_headers(scope: Scope, message: Message) -> None:
    """Add the RateLimit headers (draft-ietf-httpapi-ratelimit-headers) of every limit that a request met."""
    if (limits := scope.get(LIMITS)) and message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        headers["RateLimit-Policy"], headers["RateLimit"] = map(", ".join, zip(*limits, strict=True))
