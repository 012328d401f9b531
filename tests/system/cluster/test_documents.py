"""The documents' commands for a cluster, typed."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import jwt
import pytest

from drydock.deploy.kubectl import Kubectl
from drydock.deploy.render import FOLDER
from drydock.project import Project
from tests.conftest import ROOT
from tests.system.cluster.deployment import NAME, overlay, until

NAMESPACE = "todo-chatbot-documented"


def shell(kubectl: Kubectl, command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command line with the project's tools and kubectl on PATH."""
    path = os.pathsep.join(
        (str(Path(sys.executable).parent), os.environ["PATH"], str(kubectl.program.parent))
    )
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env={**os.environ, "PATH": path},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def local(
    project: Project,
    kubectl: Kubectl,
    image: str,
    postgres_image: str,
    names: dict[str, str],
    discard: Callable[[str], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A second local overlay, with its own namespace and addresses."""
    # The other tests' database has the next address.
    own = {name: str(ipaddress.ip_address(address) - 1) for name, address in names.items()}
    folder = overlay(
        tmp_path_factory.mktemp("local"),
        project.root / FOLDER / "overlays" / "local",
        names=own,
        images={"postgres": postgres_image, NAME: image},
        namespace=NAMESPACE,
    )
    yield folder
    discard(NAMESPACE)


def test_the_local_overlay_is_deployed_as_the_document_says(kubectl: Kubectl, local: Path, node: str) -> None:
    deployed = shell(kubectl, "./run invoke deploy --overlay local".replace("local", str(local)))

    assert deployed.returncode == 0, deployed.stdout
    lines = deployed.stdout.splitlines()
    shown = lines.index(f"+ deployment/{NAME}")
    waited = next(number for number, line in enumerate(lines) if "1 of 1 updated, 1 ready" in line)
    assert shown < waited, "the difference comes first, progress after it"

    where = f"--namespace={NAMESPACE}"
    token = "kubectl --namespace=todo-chatbot exec deploy/todo-chatbot-api -- python3 -m todo_api dev-token"
    made = shell(kubectl, token.replace("--namespace=todo-chatbot", where))
    assert made.returncode == 0, made.stdout
    given = made.stdout.strip()
    subject = jwt.decode(given, options={"verify_signature": False})["sub"]
    [port] = re.findall(r"port (\d+) of each node", deployed.stdout)
    url = f"http://{node}:{port}/api/{subject}/tasks"
    asked = httpx2.get(url, headers={"Authorization": f"Bearer {given}"}, trust_env=False)
    assert (asked.status_code, asked.json()) == (200, [])

    assert "Allocated resources" in shell(kubectl, "kubectl describe node").stdout


def test_a_deployment_is_undone_as_the_document_says(kubectl: Kubectl, local: Path) -> None:
    def pods() -> set[str]:
        found = kubectl.items("pods", f"--namespace={NAMESPACE}", f"--selector=app.kubernetes.io/name={NAME}")
        return {pod["metadata"]["name"] for pod in found if pod["status"]["phase"] == "Running"}

    before = pods()
    again = shell(kubectl, f"kubectl rollout restart deployment/todo-chatbot-api --namespace={NAMESPACE}")
    assert again.returncode == 0, again.stdout
    until(lambda: len(pods()) == 1 and not pods() & before, 90)

    undone = shell(kubectl, f"invoke deploy --undo --overlay {local}")

    assert undone.returncode == 0, undone.stdout
    assert "1 of 1 updated, 1 ready" in undone.stdout


def test_the_secret_of_production_is_made_as_the_document_says(
    kubectl: Kubectl, discard: Callable[[str], None], tmp_path: Path
) -> None:
    (tmp_path / "database-url").write_text("postgresql://todo:secret@db.example.com/todo")
    (tmp_path / "openai-api-key").write_text("none")
    place = f"{NAMESPACE}-secret"
    recipe = (
        "kubectl create namespace todo-chatbot && kubectl --namespace=todo-chatbot create secret generic"
        " todo-chatbot-api --from-file=database-url --from-file=openai-api-key"
    )
    try:
        done = shell(
            kubectl,
            recipe.replace("namespace todo-chatbot", f"namespace {place}").replace(
                "namespace=todo-chatbot", f"namespace={place}"
            ),
            tmp_path,
        )
        assert done.returncode == 0, done.stdout
        found = kubectl.json(f"secret/{NAME}", f"--namespace={place}")
    finally:
        discard(place)
    assert set(found["data"]) == {"database-url", "openai-api-key"}
