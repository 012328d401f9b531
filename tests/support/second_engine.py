"""A second Docker Engine beside the machine's own: Debian testing's, with images in containerd's store.

Its programs are not installed; only runc is the machine's, since testing's needs a newer C library. It has
folders, socket, bridge and containerd of its own. Packet filter rules belong to the whole machine, and a
starting daemon clears another's. So this one writes none; its bridge's rules are added and removed here.
`python -m tests.support.second_engine COMMAND...` runs a command on it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from drydock import command
from drydock.engine import Engine, find
from tests.support.process import Server, folder
from tests.support.registry import debian_folder

FEATURES = {"containerd-snapshotter": True}
RELEASE = "forky"
# Engines of tests in other processes have the other numbers.
NUMBERS = range(250, 240, -1)


def programs() -> Path:
    """Return the folder with the engine's programs, and with buildx."""
    return debian_folder("docker.io", RELEASE, "containerd", "docker-buildx") / "usr"


def newer_buildx(folder: Path) -> dict[str, str]:
    """Return variables that make the docker CLI take this buildx, with a configuration in a folder."""
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(programs() / "libexec/docker/cli-plugins/docker-buildx")
    return {"DOCKER_CONFIG": str(folder)}


@contextmanager
def containerd_store() -> Iterator[Engine]:
    """Run the engine; requires root, as the first one's installation did."""
    with folder("store") as place:
        proxy = f"--userland-proxy-path={programs() / 'sbin/docker-proxy'}"
        # It starts its own containerd.
        path = os.pathsep.join((str(programs() / "bin"), os.environ["PATH"]))
        with beside(place, programs() / "sbin/dockerd", {"features": FEATURES}, [proxy], path) as engine:
            yield engine


@contextmanager
def beside(
    place: Path,
    dockerd: Path,
    settings: Mapping[str, object],
    options: Sequence[str] = (),
    path: str = os.environ["PATH"],
) -> Iterator[Engine]:
    """Run a daemon with everything of its own in a folder; requires root."""
    with ExitStack() as stack:
        bridge = stack.enter_context(_bridge())
        (place / "daemon.json").write_text(json.dumps(settings))
        socket = place / "docker.sock"
        serve = [
            str(dockerd),
            f"--config-file={place / 'daemon.json'}",
            f"--host=unix://{socket}",
            f"--data-root={place / 'data'}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={place / 'dockerd.pid'}",
            f"--bridge={bridge}",
            "--iptables=false",
            "--ip6tables=false",
            *options,
        ]
        server = Server("dockerd", serve, place / "dockerd.log", environment={"PATH": path})
        candidate = find.Candidate(f"unix://{socket}", "the test's own engine")
        stack.callback(server.stop)
        server.start(lambda: find.answers(candidate) is None)
        engine = Engine(candidate)
        stack.callback(engine.sdk.close)
        yield engine


@contextmanager
def _bridge() -> Iterator[str]:
    """Make a bridge with a network of its own, and yield its name."""
    with ExitStack() as stack:
        for number in NUMBERS:
            bridge, subnet = f"drydock-{number}", f"172.31.{number}.0/24"
            added = command.run(["ip", "link", "add", "name", bridge, "type", "bridge"], check=False)
            if added.code == 0:
                break
        else:
            raise RuntimeError(f"no bridge can be added: {added.stderr}")
        stack.callback(command.run, ["ip", "link", "delete", bridge])
        command.run(["ip", "address", "add", f"172.31.{number}.1/24", "dev", bridge])
        command.run(["ip", "link", "set", bridge, "up"])
        for table, *rule in _rules(bridge, subnet):
            program = ["iptables", "--wait", "--table", table]
            command.run([*program, "--insert", *rule])
            stack.callback(command.run, [*program, "--delete", *rule])
        yield bridge


def _rules(bridge: str, subnet: str) -> tuple[tuple[str, ...], ...]:
    """Let the bridge's packets out under the machine's own address, and back in."""
    return (
        ("nat", "POSTROUTING", "--source", subnet, "!", "--out-interface", bridge, "--jump", "MASQUERADE"),
        ("filter", "FORWARD", "--in-interface", bridge, "--jump", "ACCEPT"),
        ("filter", "FORWARD", "--out-interface", bridge, "--jump", "ACCEPT"),
    )


def main(words: Sequence[str]) -> int:
    """Run a command on the second engine, which has the machine's base images."""
    with containerd_store() as second, folder("docker") as place:
        environment = newer_buildx(place / "config") | {"DOCKER_HOST": second.host}
        for image in command.run(
            ["docker", "images", "--format={{.Repository}}:{{.Tag}}", "local/*"]
        ).stdout.split():
            command.run(["sh", "-c", f'docker save "$1" | docker --host "{second.host}" load', "sh", image])
        return subprocess.call(words, env={**os.environ, **environment})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
