"""A builder of buildx's driver docker-container: BuildKit in a container of the engine.

The driver takes an image with `buildkitd` and `buildctl`, which no package index here carries. This one's
`buildkitd` is an engine with the same BuildKit inside; its `buildctl` does both things that buildx asks for.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import command
from tests.support.remote_builder import UPGRADE
from tests.support.second_engine import programs

NAME = "drydock-contained"
SOCKET = "/run/docker.sock"
FILES = {
    "Dockerfile": (
        "ARG BASE\nFROM ${BASE}\nCOPY programs/ daemon.json buildkitd buildctl /usr/bin/\n"
        'ENTRYPOINT ["/usr/bin/buildkitd"]\n'
    ),
    "daemon.json": '{"features": {"containerd-snapshotter": true}, "userland-proxy": false}',
    "buildkitd": (
        "#!/bin/sh\nexec dockerd --config-file=/usr/bin/daemon.json --iptables=false --ip6tables=false "
        f"--host=unix://{SOCKET} --data-root=/var/lib/buildkit\n"
    ),
    "buildctl": f"""#!/usr/bin/env python3
import os, socket, sys, threading
far = socket.socket(socket.AF_UNIX)
far.connect({SOCKET!r})
if "dial-stdio" not in sys.argv:
    sys.exit()
far.sendall({UPGRADE!r})
answer = b""
while not answer.endswith(b"\\r\\n\\r\\n"):
    answer += far.recv(1)
def send():
    while data := os.read(0, 65536):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
while data := far.recv(65536):
    while data:
        data = data[os.write(1, data):]
""",
}


@contextmanager
def contained(folder: Path, base: str) -> Iterator[dict[str, str]]:
    """Make the builder, and yield variables with which buildx knows it; buildx starts it when it is used.

    Args:
        base: An image with Python and the C library of a Debian that is not older than its programs.
    """
    image = f"drydock-test-{uuid.uuid4().hex[:12]}"
    context = folder / "image"
    (context / "programs").mkdir(parents=True)
    for name in ("sbin/dockerd", "bin/containerd", "bin/containerd-shim-runc-v2"):
        shutil.copy2(programs() / name, context / "programs")
    shutil.copy2(shutil.which("runc") or "/usr/sbin/runc", context / "programs")
    for name, text in FILES.items():
        (context / name).write_text(text)
        (context / name).chmod(0o755)
    environment = {"BUILDX_CONFIG": str(folder / "buildx")}
    build = ["docker", "build", "--builder=default", "--network=none", f"--tag={image}"]
    command.run([*build, f"--build-arg=BASE={base}", str(context)])
    try:
        create = ["docker", "buildx", "create", f"--name={NAME}", "--driver=docker-container"]
        command.run([*create, f"--driver-opt=image={image}"], env=environment)
        yield environment
    finally:
        command.run(["docker", "buildx", "rm", "--force", NAME], env=environment, check=False)
        command.run(["docker", "rmi", image])
