"""The gate `cluster` on the local overlay, in a namespace that it removes afterwards."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.deploy.kubectl import Kubectl
from drydock.deploy.render import FOLDER
from drydock.project import Project
from tests.conftest import ROOT
from tests.system.cluster.deployment import Deployment, overlay

# The first test waits for the shared deployment as well.
pytestmark = pytest.mark.timeout(600)
REFUSED = 9

Judge = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def judge(project: Project, names: dict[str, str], postgres_image: str, tmp_path: Path) -> Judge:
    """Return a function that runs the gate on the local overlay with some other settings."""

    def run(**settings: str) -> subprocess.CompletedProcess[str]:
        folder = overlay(
            tmp_path,
            project.root / FOLDER / "overlays" / "local",
            settings=settings,
            # The other tests' databases have the next two addresses.
            names={name: str(ipaddress.ip_address(address) - 2) for name, address in names.items()},
            images={"postgres": postgres_image},
        )
        program = Path(sys.executable).with_name("drydock")
        return subprocess.run(
            [program, "gate", "cluster", "--json", "--", "--overlay", folder],
            cwd=ROOT,
            env=os.environ,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(autouse=True)
def no_namespace_stays(kubectl: Kubectl) -> Any:
    """Check that the gate leaves no namespace behind, even after a refusal."""
    yield
    left = [one["metadata"]["name"] for one in kubectl.items("namespaces")]
    assert not [name for name in left if name.startswith("drydock-cluster-")]


def test_the_local_overlay_is_deployed_and_asked_beside_the_users_own(
    judge: Judge, deployed: Deployment
) -> None:
    before = {pod["metadata"]["name"] for pod in deployed.pods()}
    done = judge()

    assert done.returncode == 0, done.stderr
    (verdict,) = json.loads(done.stdout)["verdicts"]
    assert verdict["outcome"] == "passed"
    assert verdict["measurements"]["questions"] == 2
    assert verdict["measurements"]["rollout_seconds"] > 0
    assert {pod["metadata"]["name"] for pod in deployed.pods()} == before


def test_a_setting_that_the_application_refuses_is_refused_with_its_log(judge: Judge) -> None:
    done = judge(LOG_LEVEL="LOUD")

    assert done.returncode == REFUSED, done.stderr
    (verdict,) = json.loads(done.stdout)["verdicts"]
    assert verdict["outcome"] == "failed"
    assert "LOG_LEVEL" in done.stderr
