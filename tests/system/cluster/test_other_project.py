"""Another author's project, without any file of ours, from its source to an answer of the cluster."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from drydock.deploy.kubectl import Kubectl
from drydock.engine import Engine
from drydock.gates import cluster as gate
from tests.acceptance.projects import PROJECTS
from tests.support.images import remove_repository
from tests.support.repository import git

[PROJECT] = [one for one in PROJECTS if one.name == "uv with a src layout"]


@pytest.fixture
def folder(engine: Engine, discard: Callable[[str], None], tmp_path: Path) -> Iterator[Path]:
    """Its folder under a unique name, which names its image and its namespace as well."""
    name = f"shop-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    place = tmp_path / name
    for path, text in PROJECT.files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text.replace('name = "shop"', f'name = "{name}"'))
    git(place, "init", "--quiet")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message=first")
    yield place
    discard(name)
    remove_repository(engine, name)


def typed(folder: Path, *words: str) -> str:
    program = Path(sys.executable).with_name("drydock")
    done = subprocess.run([program, *words], cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_a_project_that_is_not_ours_is_built_deployed_and_answers(
    folder: Path, kubectl: Kubectl, load_image: Callable[[str], None], node: str
) -> None:
    typed(folder, "build")
    load_image(f"{folder.name}:dev")

    deployed = json.loads(typed(folder, "deploy", "--json"))

    assert deployed["revisions"] == {f"deployment/{folder.name}": 1}, deployed
    paths = ["/prices", "/health"]
    answers = gate.ask(kubectl, [(folder.name, 80)], folder.name, paths)
    assert answers == {f"GET {path} of service/{folder.name}": "" for path in paths}
    address = f"/api/v1/namespaces/{folder.name}/services/{folder.name}:80/proxy{paths[0]}"
    assert json.loads(kubectl.run("get", "--raw", address).stdout) == [1, 2]
    url = f"http://{node}:{deployed['node_ports'][f'service/{folder.name}']}"
    assert httpx2.get(url + paths[0], timeout=10, trust_env=False).json() == [1, 2]
    assert git(folder, "status", "--porcelain") == ""
    # A second time there is nothing to do.
    assert not json.loads(typed(folder, "deploy", "--json"))["changed"]
