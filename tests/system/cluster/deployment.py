"""A deployment under test, and overlays that change one thing."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml

from drydock.deploy import Deployed
from drydock.deploy.kubectl import Kubectl

NAME = "todo-chatbot-api"
SELECTOR = f"--selector=app.kubernetes.io/name={NAME},app.kubernetes.io/component=api"
# Few requests at a time, each on its own connection, as from separate clients.
LOADERS = 4
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Deployment:
    """A finished `invoke deploy`.

    Args:
        url: The Service's address, as this machine reaches it.
        said: Lines of progress.
    """

    kubectl: Kubectl
    namespace: str
    url: str
    overlay: Path
    said: tuple[str, ...]
    result: Deployed

    def pods(self) -> list[Any]:
        """Return the application's pods, without those being deleted."""
        found = self.kubectl.items("pods", f"--namespace={self.namespace}", SELECTOR)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def python(self, pod: str, program: str) -> str:
        """Run a Python program in a pod and return its output."""
        where = [f"--namespace={self.namespace}", pod]
        return self.kubectl.run("exec", *where, "--", "python3", "-I", "-c", program).stdout.strip()

    def endpoints(self) -> int:
        """Return the number of pods behind the Service."""
        found = self.kubectl.json(f"endpoints/{NAME}", f"--namespace={self.namespace}")
        return sum(len(subset.get("addresses", [])) for subset in found.get("subsets") or [])

    def events(self) -> str:
        """Return the namespace's events, for a test that failed."""
        listing = ("get", "events", f"--namespace={self.namespace}", "--sort-by=.lastTimestamp")
        return self.kubectl.run(*listing).stdout

    def sql(self, statement: str) -> None:
        """Run a statement in the database `postgres`, as the owner of the application's database."""
        psql = ["psql", "--username=todo", "--dbname=postgres", f"--command={statement}"]
        where = [f"--namespace={self.namespace}", "statefulset/postgres"]
        password = "PGPASSWORD=todo"
        self.kubectl.run("exec", *where, "--", "env", password, *psql, "--host=127.0.0.1")

    def client(self, token: str = "") -> httpx2.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=10, trust_env=False)

    def answers(self) -> bool:
        """Whether the NodePort leads to a pod: the node learns of endpoints after the API server."""
        try:
            with self.client() as caller:
                return bool(caller.get("/livez").status_code == httpx2.codes.OK)
        except httpx2.HTTPError:
            return False


@dataclass
class Load:
    """Results of requests under load."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(url: str, path: str, token: str) -> Iterator[Load]:
    """Request a path from a few threads, again and again, while the block runs."""
    result, stop = Load(), threading.Event()
    began = time.monotonic()

    def ask() -> None:
        headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        while not stop.is_set():
            try:
                status = httpx2.get(url + path, headers=headers, timeout=10, trust_env=False).status_code
                if status == httpx2.codes.OK:
                    result.answered += 1
                else:
                    result.failures.append(f"status {status}")
            except httpx2.HTTPError as error:
                result.failures.append(f"{time.monotonic() - began:.1f} s: {type(error).__name__}: {error}")
            time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(LOADERS)]
    for thread in threads:
        thread.start()
    try:
        yield result
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until a condition holds and return the seconds it took, or fail with AssertionError."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not so after {seconds:g} s"
        time.sleep(0.5)
    return time.monotonic() - began


def change(*operations: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kustomize patch of the Deployment."""
    return {"target": {"kind": "Deployment", "name": NAME}, "patch": json.dumps(operations)}


def overlay(
    folder: Path,
    below: Path,
    *,
    settings: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    images: Mapping[str, str] | None = None,
    replicas: int = 1,
    namespace: str = "todo-chatbot",
    patches: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write an overlay on top of another one and return its folder.

    Args:
        below: The overlay or base to change.
        settings: Additions to the ConfigMap.
        names: Addresses of Services by name, for clusters without DNS.
        images: References by their name in the overlay below.
        patches: kustomize patches.
    """
    names = names or {}
    aliases = [{"ip": address, "hostnames": [name]} for name, address in names.items()]
    spec: dict[str, Any] = {"shareProcessNamespace": True} | ({"hostAliases": aliases} if aliases else {})
    pods = {"spec": {"template": {"spec": spec}}}
    every = [
        {"target": {"kind": kind, "name": f"{NAME}.*"}, "patch": _patch(kind, pods)}
        for kind in ("Deployment", "Job")
    ]
    fixed = [
        {
            "target": {"kind": "Service", "name": name},
            "patch": _patch("Service", {"spec": {"clusterIP": address}}),
        }
        for name, address in names.items()
    ]
    content = {
        "namespace": namespace,
        "resources": [os.path.relpath(below, folder)],
        "configMapGenerator": [
            {
                "name": NAME,
                "behavior": "merge",
                "literals": [f"{key}={value}" for key, value in (settings or {}).items()],
            }
        ],
        "images": [
            {"name": name, "newName": reference.rpartition(":")[0], "newTag": reference.rpartition(":")[2]}
            for name, reference in (images or {}).items()
        ],
        "replicas": [{"name": NAME, "count": replicas}],
        "patches": [*every, *fixed, *patches],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return folder


def _patch(kind: str, content: Mapping[str, Any]) -> str:
    version = {"Deployment": "apps/v1", "Job": "batch/v1"}.get(kind, "v1")
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": {"name": "any"}, **content})
