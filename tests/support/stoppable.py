"""Registries that stop, as a process and as a container, and restart with their stored content."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from drydock.engine import LABEL, Engine
from tests.support.process import POLL_SECONDS, Server, folder
from tests.support.registry import Registry, configured

START_SECONDS = 30.0


@dataclass(frozen=True)
class Stoppable:
    """A registry that can be stopped and restarted at the same address with the same storage.

    Args:
        stop: Returns when its address no longer answers.
        start: Returns when it answers.
    """

    registry: Registry
    stop: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def killed_process() -> Iterator[Stoppable]:
    """Run a registry that is stopped by SIGKILL to its process."""
    with folder("registry") as path:
        made = configured(path)
        server = Server("docker-registry", made.command, path / "registry.log")
        server.start(made.answers)
        try:
            yield Stoppable(made, lambda: server.stop(signal.SIGKILL), lambda: server.start(made.answers))
        finally:
            server.stop()


@contextmanager
def stopped_container(engine: Engine, image: str) -> Iterator[Stoppable]:
    """Run a registry in a container that `docker stop` stops.

    Args:
        image: Any image with a C library for this machine's registry program.
    """
    with folder("registry") as path:
        made = configured(path)
        program = Path(made.command[0]).resolve()
        container = engine.sdk.containers.run(
            image,
            [str(program), *made.command[1:]],
            detach=True,
            labels={LABEL: "tests"},
            network_mode="host",
            # Its files must be removable by the user who runs the tests.
            user=f"{os.getuid()}:{os.getgid()}",
            volumes=[f"{path}:{path}", f"{program}:{program}:ro"],
        )

        def start() -> None:
            container.start()
            _wait(made)

        try:
            _wait(made)
            yield Stoppable(made, container.stop, start)
        finally:
            container.remove(force=True)


def _wait(made: Registry) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError):
            if made.answers():
                return
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"no registry answered at {made.address} after {START_SECONDS:g} s")
