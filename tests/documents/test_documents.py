"""The documents' commands, run as written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from drydock.engine import Engine
from drydock.publish import cosign
from tests.conftest import ROOT
from tests.documents import catalogue
from tests.documents.catalogue import Run
from tests.support.registry import PASSWORD, USER, Registry, private_registry

pytestmark = [pytest.mark.live, pytest.mark.acceptance, pytest.mark.timeout(900)]

CATALOGUE = catalogue.read()
IMAGE = CATALOGUE.replaced["IMAGE"]


def shell(
    command: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command line in a shell, with the project's tools on PATH."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env={**os.environ, "PATH": path, **(environment or {})},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of every command: they keep drydock's records of these runs out of the user's state."""
    return {
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
        "COSIGN_PASSWORD": PASSWORD,
        "COLUMNS": "110",
    }


@pytest.fixture(scope="module")
def values(
    engine: Engine,
    plain: Registry,
    python_image: str,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """Values for the words in braces; images and names that commands create are removed."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "settings.env").write_text("LOG_LEVEL=LOUD\n")
    subprocess.run(
        [cosign.program(), "generate-key-pair"], cwd=folder, env=os.environ | environment, check=True
    )
    for target in ("production", "slim"):
        built = shell(f"invoke build --target {target}", environment=environment)
        assert built.returncode == 0, built.stdout
    before = {tag for image in engine.sdk.images.list() for tag in image.tags}
    container = engine.sdk.containers.run(IMAGE, detach=True)
    try:
        yield {
            "container": str(container.id),
            "settings": str(folder / "settings.env"),
            "registry": plain.address,
            "key": str(folder / "cosign.key"),
            "report": str(folder / "report.html"),
            "base": python_image,
        }
    finally:
        container.remove(force=True)
        made = {tag for image in engine.sdk.images.list() for tag in image.tags} - before
        for tag in made:
            # Other processes may be building on this engine.
            if tag.rpartition(":")[0].removeprefix(f"{plain.address}/acme/") == IMAGE.partition(":")[0]:
                engine.sdk.images.remove(tag)


def line(run: Run, values: Mapping[str, str]) -> str:
    """Return a run's command line, with the tests' values in place of the reader's."""
    text = f"{CATALOGUE.replace(run.command)} {run.add}"
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@pytest.mark.parametrize("run", CATALOGUE.runs, ids=lambda run: run.command)
def test_a_documented_command_does_what_is_said(
    run: Run, values: dict[str, str], environment: dict[str, str]
) -> None:
    done = shell(line(run, values), environment=environment)

    assert done.returncode == run.code, done.stdout
    assert run.shows in done.stdout


def test_what_was_signed_is_verified(values: dict[str, str], environment: dict[str, str]) -> None:
    where = f"--registry {values['registry']}/acme"
    public = values["key"].replace(".key", ".pub")

    done = shell(f"invoke verify {where} --key={public}", environment=environment)

    assert done.returncode == 0, done.stdout


def test_docker_login_opens_a_registry_for_push(engine: Engine, tmp_path: Path) -> None:
    environment = {"DOCKER_CONFIG": str(tmp_path), **engine.environment}
    with private_registry(tls=False) as registry:
        name = f"{registry.address}/acme/todo:documented"
        tagged = shell(f"docker tag {IMAGE} {name}")
        assert tagged.returncode == 0, tagged.stdout
        try:
            refused = shell(f"docker push {name}", environment=environment)
            login = f"docker login --username {USER} --password-stdin {registry.address}"
            opened = shell(f"echo '{PASSWORD}' | {login}", environment=environment)
            pushed = shell(f"docker push --quiet {name}", environment=environment)
        finally:
            engine.sdk.images.remove(name)

    assert refused.returncode != 0
    assert opened.returncode == 0, opened.stdout
    assert pushed.returncode == 0, pushed.stdout


def test_the_locks_are_renewed_as_the_readme_says(tmp_path: Path) -> None:
    locks = ("requirements.lock", "backend/requirements.lock", "backend/requirements-test.lock")
    for name in ("run", "pyproject.toml", "README.md", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "backend", tmp_path / "backend", ignore=shutil.ignore_patterns("uv.lock", ".*"))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")

    done = shell("./run drydock lock", cwd=tmp_path, environment={"DRYDOCK_NO_ENGINE": "1"})

    assert done.returncode == 0, done.stdout
    assert [name for name in locks if (tmp_path / name).read_text() != (ROOT / name).read_text()] == []
    assert "://" not in "".join((tmp_path / name).read_text() for name in locks)
