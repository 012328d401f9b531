"""The image in less usual circumstances: with HTTPS, and from a project that commits its uv.lock."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock.build import BuildResult, Options, build
from drydock.build.shard import ARGUMENT
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from drydock.project import lock
from drydock.publish.builds import open_workspace
from tests.conftest import ROOT
from tests.support import certificates
from tests.support.clone import checkout

pytestmark = pytest.mark.live

UV_REFERENCE = "drydock-tests/uv-lock:live"
EARLIER_REFERENCE = "drydock-tests/earlier:live"


def test_https_is_served_and_the_health_probe_follows(engine: Engine, tmp_path: Path) -> None:
    certificates.make(["localhost"], ["127.0.0.1"]).write(tmp_path)
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    tmp_path.chmod(0o755)
    image = open_workspace(engine, load(ROOT)).built("production").image_id
    tls = {"TLS_CERT_FILE": "/tls/server.crt", "TLS_KEY_FILE": "/tls/server.key"}
    trust = ssl.create_default_context(cafile=tmp_path / "ca.crt")

    with started(engine, Run(image, port=8000, environment=tls, mounts={"/tls": str(tmp_path)})) as running:
        deadline = time.monotonic() + 30
        status = 0
        while status != http.client.OK and time.monotonic() < deadline:
            connection = http.client.HTTPSConnection("127.0.0.1", running.port, timeout=5, context=trust)
            try:
                connection.request("GET", "/readyz")
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException):
                assert running.alive(), running.log()
                time.sleep(0.1)
            finally:
                connection.close()
        probe = running.execute("python3", "-I", "-S", "/opt/image/probe.py")

    assert status == http.client.OK
    assert probe.code == 0, probe


def test_a_dockerfile_of_an_earlier_drydock_is_built_and_traced(engine: Engine, tmp_path: Path) -> None:
    root = checkout(tmp_path / "clone")
    dockerfile = root / "Dockerfile"
    text = dockerfile.read_text().replace(
        "    --mount=type=bind,from=runtime,source=/layers,target=/below \\\n", ""
    )
    text = text.replace("\\\n    --mount=type=bind,from=runtime,source=/layers,target=/below", "")
    text = text.replace("/layers/dependencies/opt/venv/bin/python3 /trace", "/opt/venv/bin/python3 /trace")
    dockerfile.write_text(
        text.replace('ARG EXTRA_FILES=""\n', 'ARG EXTRA_FILES=""\nCOPY --from=runtime /layers /layers\n')
    )
    assert "/below" not in dockerfile.read_text()
    project = load(root)
    options = open_workspace(engine, project).options(Options("production", EARLIER_REFERENCE))
    try:
        build(engine, project, options)
        made = engine.sdk.images.get(EARLIER_REFERENCE).attrs["RootFS"]
    finally:
        engine.sdk.images.remove(EARLIER_REFERENCE)

    today = open_workspace(engine, load(ROOT)).built("production").image_id
    assert made == engine.sdk.images.get(today).attrs["RootFS"]


def test_the_shard_of_a_source_is_not_in_the_image(engine: Engine) -> None:
    project = load(ROOT)
    workspace = open_workspace(engine, project)
    today = workspace.built("production").image_id
    options = workspace.options(Options("production"))

    for shard in ("1", "2"):
        chosen = options.but(build_args={**options.build_args, ARGUMENT: shard})
        assert build(engine, project, chosen).image_id == today


@pytest.fixture
def with_uv_lock(tmp_path: Path) -> Path:
    """A copy of this repository's last commit with a uv.lock instead of requirements.lock."""
    root = checkout(tmp_path / "clone")
    (root / "backend/requirements.lock").unlink()
    # uv must lock for a Python that this machine has: perhaps none newer than the tests' own.
    manifest = root / "backend/pyproject.toml"
    manifest.write_text(
        manifest.read_text().replace('requires-python = ">=3.13"', 'requires-python = ">=3.11"')
    )
    locking = ["uv", "lock", "--quiet", "--python", sys.executable]
    subprocess.run(locking, cwd=root / "backend", check=True)
    with (root / ".dockerignore").open("a") as ignore:
        ignore.write("!backend/uv.lock\n")
    return root


@pytest.fixture
def result(engine: Engine, with_uv_lock: Path) -> Iterator[BuildResult]:
    project = load(with_uv_lock)
    options = open_workspace(engine, project).options(Options("production", UV_REFERENCE))
    yield build(engine, project, options)
    engine.sdk.images.remove(UV_REFERENCE)


def test_a_uv_lock_is_installed_as_it_is(engine: Engine, with_uv_lock: Path, result: BuildResult) -> None:
    project = load(with_uv_lock)

    assert lock.find(project).name == "uv.lock"
    version = "import importlib.metadata as m; print(m.version('fastapi'))"
    with started(engine, Run(result.image_id, command=("python3", "-c", version))) as running:
        assert running.container.wait()["StatusCode"] == 0, running.log()
        assert running.log() == lock.pins("uv.lock", lock.find(project).read_text())["fastapi"]
