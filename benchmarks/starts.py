"""The cost of a start: seconds from `docker run` to ready, and memory before and after the agent's load."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from benchmarks.figures import BenchmarkFailed
from tests.support.model import Says
from tests.support.systems import READY, Account, App, Systems

POLL_SECONDS = 0.01
WAIT_SECONDS = 60.0
# After loading, the allocator and the connection pool need time to settle.
REST_SECONDS = 1.0
# With one worker the container has one process; the kernel counts its memory and its processor time.
READ_PROCESS = """
import os
status = dict(line.split(":", 1) for line in open("/proc/1/status"))
times = open("/proc/1/stat").read().rpartition(")")[2].split()[11:13]
print(int(status["VmRSS"].split()[0]) * 1024, sum(map(int, times)) / os.sysconf("SC_CLK_TCK"))
"""


@dataclass(frozen=True)
class Start:
    """One start of an image.

    Args:
        ready: Seconds from `docker run` to the first 200 of the readiness probe.
        processor_ready: Seconds of the process's processor time by then.
        memory_ready: Resident bytes at that moment.
        memory_rest: Resident bytes at rest: ready, and without a request of a user.
        memory_used: Resident bytes after a user's first request, and the load that it starts.
        first_turn: Seconds of the first chat turn, with a model that answers at once.
        memory_chat: Resident bytes after that turn.
    """

    ready: float
    processor_ready: float
    memory_ready: int
    memory_rest: int
    memory_used: int
    first_turn: float
    memory_chat: int


def start(systems: Systems, image: str, environment: Mapping[str, str], account: Account) -> Start:
    """Start an image among its servers, measure, and remove the container."""
    contender = replace(systems, image=image)
    began = time.monotonic()
    with contender.container(environment) as app:
        _until_ready(app)
        ready = time.monotonic() - began
        memory_ready, processor_ready = usage(app)
        _until_loaded(app)
        time.sleep(REST_SECONDS)
        memory_rest, _ = usage(app)
        systems.model.will(then=Says("Aye."))
        with app.api(account, seconds=WAIT_SECONDS) as api:
            api.get("/tasks").raise_for_status()
            _until_loaded(app)
            time.sleep(REST_SECONDS)
            memory_used, _ = usage(app)
            asked = time.monotonic()
            api.post("/chat", json={"message": "Ready?"}).raise_for_status()
            first_turn = time.monotonic() - asked
        memory_chat, _ = usage(app)
        return Start(
            ready=ready,
            processor_ready=processor_ready,
            memory_ready=memory_ready,
            memory_rest=memory_rest,
            memory_used=memory_used,
            first_turn=first_turn,
            memory_chat=memory_chat,
        )


def usage(app: App) -> tuple[int, float]:
    """Return the resident bytes and processor seconds of the container's one process."""
    code, output = app.run("python3", "-S", "-c", READ_PROCESS)
    if code != 0:
        raise BenchmarkFailed(f"memory and processor time cannot be read: {output}")
    memory, processor = output.split()
    return int(memory), float(processor)


def _until_ready(app: App) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if app.running.get(READY) == http.client.OK:
                return
        time.sleep(POLL_SECONDS)
    raise BenchmarkFailed(f"not ready after {WAIT_SECONDS:g} s; the end of its log:\n{app.running.log()}")


def _until_loaded(app: App) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    with app.client() as client:
        while "starting" in client.get(READY).json()["checks"].values():
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"still loading after {WAIT_SECONDS:g} s:\n{app.running.log()}")
            time.sleep(0.1)
