"""The end of the process: readiness fails before the server stops."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

logger = logging.getLogger(__name__)


class Lifecycle:
    """Knows whether the process is ready or about to end.

    `drain_seconds` pass between SIGTERM and the server's own reaction to it.
    """

    def __init__(self, drain_seconds: float) -> None:
        self._drain_seconds = drain_seconds
        self.draining = False
        self.ready = asyncio.Event()

    def take_over_sigterm(self) -> None:
        """Handle SIGTERM before the server does: readiness turns 503 now, the server stops a little later.

        Load balancers learn from readiness to send nothing new, while connections are still accepted.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread gets signals; elsewhere the server has no handler either
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
