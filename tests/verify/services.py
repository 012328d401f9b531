"""Servers that public projects need to start, as in their developers' setup, from Debian's packages."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from drydock.engine import Engine
from tests.support import certificates, packages, process
from tests.support.postgres import postgres
from tests.support.process import Server

DATABASE = "app"


@contextmanager
def services(names: Sequence[str], engine: Engine) -> Iterator[dict[str, str]]:
    """Start servers at an address that containers reach.

    Args:
        names: ``postgres`` and ``redis``.

    Yields:
        Values for the braces in a project's variables: ``host``, ``postgres_port``, ``user``, ``password``,
        ``database``, ``redis_port``.
    """
    if not names:
        yield {}
        return
    host = str(engine.sdk.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"])
    given = {"host": host}
    with ExitStack() as stack:
        if "postgres" in names:
            port = process.free_port([host])
            server = stack.enter_context(postgres([host], port, certificates.make(["postgres"], [host])))
            database = server.create_database(DATABASE)
            given |= {"postgres_port": str(port), "database": database}
            given |= {"user": server.role.name, "password": server.role.password}
        if "redis" in names:
            given["redis_port"] = str(stack.enter_context(_redis(host)))
        yield given


@contextmanager
def _redis(host: str) -> Iterator[int]:
    """Run a Redis server without persistence, and yield its port."""
    port = process.free_port([host])
    # Protected mode admits only the loopback; the bridge can be reached from this machine alone.
    options = ["--bind", host, "--port", str(port), "--save", "", "--protected-mode", "no"]
    with TemporaryDirectory(prefix="drydock-redis-") as folder:
        server = Server("Redis", [*packages.redis(), *options], Path(folder) / "log")

        def answers() -> bool:
            socket.create_connection((host, port), timeout=1.0).close()
            return True

        server.start(answers)
        try:
            yield port
        finally:
            server.stop()
