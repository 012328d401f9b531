"""Rate limits: a token bucket for each user."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED_USERS = 10_000


class RateLimit:
    """Allows so many events a minute for each user, in bursts up to a minute's worth.

    Args:
        per_minute: Events a minute; 0 means no limit.
        clock: Seconds, monotonic.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        # User to (events left, when that was counted); the least recently seen user is forgotten first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, user_id: str) -> float:
        """Count one event of a user.

        Returns:
            0 when it is allowed, else the seconds until it would be.
        """
        if not self._capacity:
            return 0.0
        now = self._clock()
        left, counted_at = self._buckets.pop(user_id, (self._capacity, now))
        left = min(self._capacity, left + (now - counted_at) * self._per_second)
        allowed = left >= 1
        self._buckets[user_id] = (left - 1 if allowed else left, now)
        if len(self._buckets) > REMEMBERED_USERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_second
