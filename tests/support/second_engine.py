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

BRIDGE = "drydock-store"
ADDRESS = "172.31.250.1/24"
SUBNET = "172.31.250.0/24"
FEATURES = {"containerd-snapshotter": True}

# Let the bridge's packets out under the machine's own address, and back in.
RULES = (
    ("nat", "POSTROUTING", "--source", SUBNET, "!", "--out-interface", BRIDGE, "--jump", "MASQUERADE"),
    ("filter", "FORWARD", "--in-interface", BRIDGE, "--jump", "ACCEPT"),
    ("filter", "FORWARD", "--out-interface", BRIDGE, "--jump", "ACCEPT"),
)


@contextmanager
def containerd_store() -> Iterator[Engine]:
    """Run the engine; requires root, as the first one's installation did."""
    with ExitStack() as stack:
        place = stack.enter_context(folder("store"))
        stack.enter_context(_bridge())
        (place / "daemon.json").write_text(json.dumps({"features": FEATURES}))
        socket = place / "docker.sock"
        serve = [
            "dockerd",
            f"--config-file={place / 'daemon.json'}",
            f"--host=unix://{socket}",
            f"--data-root={place / 'data'}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={place / 'dockerd.pid'}",
            f"--bridge={BRIDGE}",
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
def _bridge() -> Iterator[None]:
    with ExitStack() as stack:
        command.run(["ip", "link", "add", "name", BRIDGE, "type", "bridge"])
        stack.callback(command.run, ["ip", "link", "delete", BRIDGE])
        command.run(["ip", "address", "add", ADDRESS, "dev", BRIDGE])
        command.run(["ip", "link", "set", BRIDGE, "up"])
        for table, *rule in RULES:
            program = ["iptables", "--wait", "--table", table]
            command.run([*program, "--insert", *rule])
            stack.callback(command.run, [*program, "--delete", *rule])
        yield
