"""A builder of buildx outside the engine: a second engine's BuildKit, reached through the driver `remote`.

An engine hands its BuildKit out after an HTTP upgrade, where the driver expects it at once: a relay asks for
the upgrade in the driver's place.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import command
from tests.support.second_engine import containerd_store

NAME = "drydock-far"
UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@contextmanager
def remote(folder: Path) -> Iterator[dict[str, str]]:
    """Run the builder, and yield variables with which buildx knows it; nothing is selected."""
    environment = {"BUILDX_CONFIG": str(folder / "buildx")}
    address = folder / "buildkit.sock"
    with containerd_store() as second, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        behind = second.host.removeprefix("unix://")
        threading.Thread(target=_serve, args=(listening, behind), daemon=True).start()
        create = ["docker", "buildx", "create", f"--name={NAME}", "--driver=remote", f"unix://{address}"]
        command.run(create, env=environment)
        yield environment


def _serve(listening: socket.socket, behind: str) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:  # the test has ended
            return
        far = socket.socket(socket.AF_UNIX)
        far.connect(behind)
        far.sendall(UPGRADE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += far.recv(1)
        for here, there in ((near, far), (far, near)):
            threading.Thread(target=_pass, args=(here, there), daemon=True).start()


def _pass(here: socket.socket, there: socket.socket) -> None:
    try:
        while data := here.recv(65536):
            there.sendall(data)
        there.shutdown(socket.SHUT_WR)
    except OSError:  # the other side has closed both ways
        return
