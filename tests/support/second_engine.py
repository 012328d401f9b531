"""A second Docker Engine beside the machine's own, with images in containerd's store.

It has its own folders, socket, bridge and containerd. Packet filter rules belong to the whole machine, and a
starting daemon clears another's. So this one writes none; its bridge's rules are added and removed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from drydock import command
from drydock.engine import Engine, find
from tests.support.process import Server, folder

FEATURES = {"containerd-snapshotter": True}
# Engines of tests in other processes have the other numbers.
NUMBERS = range(250, 240, -1)


@contextmanager
def containerd_store() -> Iterator[Engine]:
    """Run the engine; requires root, as the first one's installation did."""
    with ExitStack() as stack:
        place = stack.enter_context(folder("store"))
        bridge = stack.enter_context(_bridge())
        (place / "daemon.json").write_text(json.dumps({"features": FEATURES}))
        socket = place / "docker.sock"
        serve = [
            "dockerd",
            f"--config-file={place / 'daemon.json'}",
            f"--host=unix://{socket}",
            f"--data-root={place / 'data'}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={place / 'dockerd.pid'}",
            f"--bridge={bridge}",
            "--iptables=false",
            "--ip6tables=false",
        ]
        server = Server("dockerd", serve, place / "dockerd.log")
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
