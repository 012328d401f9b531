"""The process's last seconds: readiness says no before the server does."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

logger = logging.getLogger(__name__)


class Lifecycle:
    """Knows whether the process is ready for work or about to end.

    Args:
        drain_seconds: Seconds between SIGTERM and the server's own reaction to it.
    """

    def __init__(self, drain_seconds: float) -> None:
        self._drain_seconds = drain_seconds
        self.draining = False
        self.ready = asyncio.Event()

    def take_over_sigterm(self) -> None:
        """Put a handler before the server's: readiness turns 503 now, the server stops a little later.

        Load balancers learn from readiness that nothing new belongs here while connections are still taken.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # signals reach only the main thread; elsewhere the server has no handler either
        loop = asyncio.get_running_loop()
        server_handler = signal.getsignal(signal.SIGTERM)
        if not callable(server_handler):
            return  # keep the default handler: it stops the process

        def drain(number: int, frame: FrameType | None) -> None:
            if self.draining:
                server_handler(number, frame)
                return
            self.draining = True
            loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, server_handler, number, None)
            loop.call_soon_threadsafe(logger.info, "draining: readiness is off, the server stops soon")

        signal.signal(signal.SIGTERM, drain)
