"""A PostgreSQL connection that never delays its caller beyond the time limit.

Importing this module imports psycopg, which only PostgreSQL needs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection, Error, waiting
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

CANCEL_SECONDS = 2.0
WAIT_INTERVAL = 0.1
# Tasks that ask a server to stop; the event loop itself keeps no references to them.
_leaving: set[asyncio.Task[None]] = set()


class Connection(AsyncConnection[Any]):
    """Leaves the server at once when its work is cancelled.

    psycopg's own class asks the server to cancel the statement and waits for the outcome. With a frozen
    server that takes ten seconds, and again for the rollback. This class asks in the background.
    """

    _left = False

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = WAIT_INTERVAL,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's
    ) -> RV:
        """Consume a generator that works on the connection.

        Raises:
            asyncio.CancelledError: Also for work after the cancelled one, such as a clean-up by SQLAlchemy.
                Another error would replace the cancellation, and hide that its time limit is over.
        """
        if self._left:
            raise asyncio.CancelledError
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except asyncio.CancelledError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self._left = True
                task = asyncio.create_task(self._leave())
                _leaving.add(task)
                task.add_done_callback(_leaving.discard)
            raise

    async def close(self) -> None:
        """Close the connection, unless it is being closed."""
        if not self._left:
            await super().close()

    async def _leave(self) -> None:
        """Ask the server to cancel the statement, which frees its locks, and close the connection."""
        try:
            with suppress(Error, OSError):
                await self.cancel_safe(timeout=CANCEL_SECONDS)
        finally:
            await super().close()
