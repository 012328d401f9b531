"""Deploy the local overlay once for the whole run, with a sign-in server on this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from drydock import base
from drydock import deploy as kubernetes
from drydock.deploy import kubectl as clusters
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.render import FOLDER
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.gates import cluster as gate
from drydock.project import Project
from tests.conftest import ROOT
from tests.support import process
from tests.support.better_auth import PUBLIC_URL, BetterAuth, better_auth
from tests.system.cluster.deployment import NAME, Deployment, overlay

# Set by the session `cluster_tests`.
IMAGE = "DRYDOCK_CLUSTER_IMAGE"
POSTGRES = "todo-chatbot-api-postgres:17"
# Files whose tests use the fixture `deployed`.
SHARED = ("test_gate", "test_running")


class TwoParts(LoadScopeScheduling):
    """Tests of the shared deployment in one process, all others in another."""

    def _split_scope(self, nodeid: str) -> str:
        return "shared" if Path(nodeid.partition("::")[0]).stem in SHARED else "own"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return TwoParts(config, log)


@pytest.fixture(scope="session")
def project() -> Project:
    """The project whose overlays are deployed."""
    return load(ROOT)


@pytest.fixture(scope="session")
def image(load_image: Callable[[str], None]) -> str:
    """The image under test, loaded into the cluster."""
    reference = os.environ[IMAGE]
    load_image(reference)
    return reference


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    found = connect()
    yield found
    found.sdk.close()


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """The cluster under test."""
    found = clusters.connect()
    return replace(found, context=found.run("config", "current-context").stdout.strip())


@pytest.fixture(scope="session")
def discard(kubectl: Kubectl) -> Iterator[Callable[[str], None]]:
    """Return a function that starts to delete a namespace; the session ends when all are gone."""
    discarded: list[str] = []

    def begin(namespace: str) -> None:
        discarded.append(namespace)
        kubectl.begin_removal(namespace)

    yield begin
    for namespace in discarded:
        kubectl.remove(namespace)


@pytest.fixture(scope="session")
def load_image(engine: Engine, kubectl: Kubectl) -> Callable[[str], None]:
    """Return a function that loads an image into the cluster."""
    return lambda reference: gate.load(engine, kubectl.context, [reference], lambda _: None)


@pytest.fixture(scope="session")
def node(kubectl: Kubectl) -> str:
    """The address of a node, where NodePorts answer."""
    addresses = kubectl.items("nodes")[0]["status"]["addresses"]
    return next(str(one["address"]) for one in addresses if one["type"] == "InternalIP")


@pytest.fixture(scope="session")
def host(node: str) -> str:
    """This machine's address on its route to the node, which pods can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((node, 9))
        return str(probe.getsockname()[0])


@pytest.fixture(scope="session")
def auth(host: str) -> Iterator[BetterAuth]:
    """A real Better Auth server, whose keys the pods fetch."""
    with better_auth([host], process.free_port([host])) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_image(engine: Engine, project: Project, load_image: Callable[[str], None]) -> str:
    """A PostgreSQL image with the official image's interface, loaded into the cluster."""
    python = base.resolve(engine, project, say=lambda _: None).reference
    engine.sdk.images.build(
        path=str(Path(__file__).parent / "postgres"),
        tag=POSTGRES,
        buildargs={"PYTHON_IMAGE": python},
        rm=True,
        forcerm=True,
    )
    load_image(POSTGRES)
    return POSTGRES


@pytest.fixture(scope="session")
def names(kubectl: Kubectl) -> dict[str, str]:
    """A fixed address for the database's Service if the cluster has no DNS, otherwise empty."""
    if kubectl.json("service/kube-dns", "--namespace=kube-system"):
        return {}
    first = kubectl.json("service/kubernetes", "--namespace=default")["spec"]["clusterIP"]
    return {"postgres": str(ipaddress.ip_address(first) + 99)}


@pytest.fixture(scope="session")
def settings(auth: BetterAuth, host: str, node: str) -> dict[str, str]:
    """Settings of a production start with the sign-in server outside the cluster."""
    return {
        "ENVIRONMENT": "production",
        "BETTER_AUTH_URL": PUBLIC_URL,
        "BETTER_AUTH_JWKS_URL": auth.jwks_url(host),
        "MCP_ALLOWED_HOSTS": f"{node}:*",
        "RATE_LIMIT_PER_MINUTE": "0",
    }


@pytest.fixture(scope="session")
def deployed(
    project: Project,
    kubectl: Kubectl,
    image: str,
    postgres_image: str,
    settings: dict[str, str],
    names: dict[str, str],
    node: str,
    discard: Callable[[str], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """Deploy the local overlay with two replicas, as `invoke deploy` does; remove it with its namespace."""
    folder = overlay(
        tmp_path_factory.mktemp("overlay"),
        project.root / FOLDER / "overlays" / "local",
        settings=settings,
        names=names,
        images={"postgres": postgres_image},
        replicas=2,
    )
    said: list[str] = []
    try:
        result = kubernetes.deploy(project, str(folder), kubectl.context, image, said.append)
        url = f"http://{node}:{result.node_ports[f'service/{NAME}']}"
        yield Deployment(kubectl, result.namespace, url, folder, tuple(said), result)
    finally:
        discard("todo-chatbot")
