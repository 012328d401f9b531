"""The README's steps, as a user types them, in three other authors' projects, with the installed wheel."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import drydock
from drydock import services
from drydock.detect.project import load
from drydock.engine import PROJECT_LABEL, Engine
from drydock.gates import proof
from drydock.programs import uv
from drydock.progress import silent
from drydock.recipe import backing
from tests.acceptance.projects import PROJECTS, Project
from tests.conftest import ROOT
from tests.install.test_install import environment
from tests.support import kubectl, packages
from tests.support.images import remove_repository
from tests.support.registry import Registry
from tests.support.repository import git

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPOSE = "com.docker.compose"
NEXT = f"{drydock.version()}.post1"


@dataclass(frozen=True)
class Installed:
    """drydock in a separate environment.

    Args:
        folder: The virtual environment.
        wheels: The current wheel, and a future version's.
        typed: The lines so far.
    """

    folder: Path
    wheels: tuple[Path, Path]
    typed: set[str] = field(default_factory=set)

    def install(self, wheel: Path) -> None:
        """Install a wheel in place of another."""
        line = [uv(), "pip", "install", "--quiet", "--no-config", f"--python={self.folder}", str(wheel)]
        subprocess.run(line, env=environment(), check=True)

    def type(self, words: str, folder: Path, code: int = 0) -> str:
        """Run a line as a user types it, and return its result."""
        done = subprocess.run(
            self.words(words), cwd=folder, env=environment(), check=False, capture_output=True, text=True
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        self.typed.add(words)
        return done.stdout

    def words(self, words: str) -> list[str]:
        """Return a line's words, with the installed program in place of `drydock`."""
        name, *rest = shlex.split(words)
        return [str(self.folder / "bin" / name), *rest]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A fresh virtual environment with the built wheel."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    subprocess.run([uv(), "venv", "--quiet", "--no-config", f"{folder}/venv"], env=environment(), check=True)
    made = Installed(folder / "venv", (wheel, _of_next_version(wheel, folder / "next")))
    made.install(wheel)
    return made


def _of_next_version(wheel: Path, folder: Path) -> Path:
    """Return the same wheel under the future version."""
    folder.mkdir()
    old, place = drydock.version(), folder / wheel.name.replace(drydock.version(), NEXT)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(place, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith((".dist-info/METADATA", ".dist-info/RECORD")):
                data = data.replace(f"Version: {old}".encode(), f"Version: {NEXT}".encode())
                data = data.replace(f"-{old}.dist-info".encode(), f"-{NEXT}.dist-info".encode())
            target.writestr(name.replace(f"-{old}.dist-info", f"-{NEXT}.dist-info"), data)
    return place


@pytest.fixture
def folder(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """A project's folder under a unique name, in git; its images are removed afterwards."""
    project: Project = request.getfixturevalue("project")
    name = f"shop-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    place = project.make(tmp_path / name)
    manifest = place / "pyproject.toml"
    if manifest.is_file():
        manifest.write_text(manifest.read_text().replace('"shop"', f'"{name}"', 1))
        _lock_again(project, place)
    git(place, "init", "--quiet")
    _commit(place)
    yield place
    remove_repository(engine, name)


def _lock_again(project: Project, place: Path) -> None:
    if "uv" in project.name:
        subprocess.run([uv(), "lock", "--quiet"], cwd=place, check=True)


def _commit(place: Path) -> None:
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--allow-empty", "--message=a step")


# The other commands of the README; results go beside the project.
LOOKS = (
    "drydock base",
    "drydock size",
    "drydock history",
    "drydock tag",
    "drydock label",
    "drydock sbom --output ../sbom.json",
    "drydock report --output ../report.html",
    "drydock render",
)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_each_step_of_the_readme_works_in_a_project_that_is_not_ours(
    project: Project, installed: Installed, folder: Path, plain: Registry, engine: Engine, key: Path
) -> None:
    installed.typed.clear()
    installed.install(installed.wheels[0])
    kept = {name: (folder / name).read_bytes() for name in project.kept}

    assert f"{Path(project.main).stem}:app" in installed.type("drydock explain", folder)
    installed.type("drydock build", folder)
    _judged(installed, folder)
    assert project.answer in _asked(installed, project, folder, engine)
    for line in LOOKS:
        installed.type(line, folder)
    pushed = installed.type(f"drydock push --registry {plain.address}", folder)
    assert ("latest" in pushed) == (folder / "pyproject.toml").is_file()
    installed.type(f"drydock sign --registry {plain.address} --key {key}", folder)
    public = key.with_suffix(".pub")
    verified = installed.type(f"drydock verify --registry {plain.address} --key {public}", folder)
    assert "the image" in verified
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(_double(folder.parent)), os.environ["PATH"]]))
        deployed = installed.type(f"drydock deploy --image {plain.address}/{folder.name}:1", folder)
    assert f"deployment/{folder.name} at revision 1" in deployed
    assert git(folder, "status", "--porcelain") == ""

    installed.type("drydock init", folder)
    written = git(folder, "ls-files", "--others", "--exclude-standard").split()
    assert len(written) <= 4
    assert sum((folder / path).read_text().count("\n") for path in written if ".lock" not in path) <= 250
    commands = re.search(r"^## Your project\n+```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert commands
    lines = {line.partition("#")[0].strip() for line in commands[1].splitlines()}
    # The wheel was installed in place of the first line.
    assert {line for line in lines if line.startswith("drydock ")} <= installed.typed
    installed.type("drydock init --with kubernetes --with compose", folder)
    written = git(folder, "ls-files", "--others", "--exclude-standard").split()
    assert {project.dockerfile, "compose.yaml"} <= set(written)
    assert len((folder / project.dockerfile).read_text().splitlines()) <= 120
    _commit(folder)
    installed.type("drydock init", folder)
    assert git(folder, "status", "--porcelain") == ""

    main = folder / project.main
    (main.parent / "tax.py").write_text("RATE = 0.2\n")
    package = "shop." if "src" in project.main else ""
    main.write_text(f"from {package}tax import RATE\n{main.read_text()}\n\nassert RATE\n")
    dockerfile = folder / project.dockerfile
    dockerfile.write_text(f"{dockerfile.read_text()}# a note of the developer's\n")
    installed.type("drydock init", folder)
    installed.type("drydock build", folder)
    assert set(_outcomes(installed.type("drydock gate smoke --json", folder))) == {"passed"}
    _commit(folder)

    installed.install(installed.wheels[1])
    assert NEXT in installed.type("drydock --version", folder)
    installed.type("drydock init", folder)
    assert "# a note of the developer's" in dockerfile.read_text()
    assert "<<<<<<<" not in dockerfile.read_text()
    installed.type("drydock build", folder)
    assert {name: (folder / name).read_bytes() for name in project.kept} == kept


def _judged(installed: Installed, folder: Path) -> None:
    """Run all gates that a push demands; they end in one table."""
    rows = map(str.split, installed.type("drydock gate", folder).splitlines())
    passed = {word for row in rows if "passed" in row for word in row}
    assert {gate.name for gate in proof.demanded("production", load(folder))} <= passed


def _double(folder: Path) -> Path:
    place = folder / "programs"
    place.mkdir()
    kubectl.put(place, folder / "cluster.json")
    return place


def _outcomes(printed: str) -> list[str]:
    return [one["outcome"] for one in json.loads(printed)["verdicts"]]


def _asked(installed: Installed, project: Project, folder: Path, engine: Engine) -> str:
    """Start the image by the README, send the printed request, stop it, and check that nothing remains."""
    process = subprocess.Popen(
        [*installed.words("drydock run"), *project.run],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    shown = []
    while not (line := process.stdout.readline()).startswith("curl "):
        assert line, f"drydock run ended before it was ready: {shown}"
        shown.append(line)
    assert any(line.startswith("docs ") for line in shown)
    with urllib.request.urlopen(shlex.split(line)[-1]) as answer:
        assert 200 <= answer.status < 300
        text: str = answer.read().decode()
    [container] = engine.sdk.containers.list(filters={"label": f"{PROJECT_LABEL}={folder.name}"})
    [network] = container.attrs["NetworkSettings"]["Networks"]
    beside = engine.sdk.networks.get(network).attrs["Containers"] if "--with" in project.run else {}
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    left = {str(one.id) for one in engine.sdk.containers.list(all=True, ignore_removed=True)}
    assert left.isdisjoint({str(container.id), *beside})
    assert "--with" not in project.run or not engine.sdk.networks.list(names=[network])
    return text


@pytest.mark.parametrize("project", PROJECTS[:1], ids=lambda project: project.name)
def test_the_written_compose_file_starts_the_application_with_its_migrated_database(
    project: Project, installed: Installed, folder: Path, engine: Engine
) -> None:
    try:
        compose = packages.compose()
    except packages.PackagesMissing as error:
        pytest.skip(str(error))
    installed.install(installed.wheels[0])
    installed.type("drydock build", folder)
    installed.type("drydock init --with compose", folder)
    # Where the official image cannot be pulled, drydock's own takes its place.
    reference = services.image(engine, load(folder), backing.POSTGRES, silent)
    instead = folder / "instead.yaml"
    instead.write_text(f"services: {{postgres: {{image: '{reference}', pull_policy: never}}}}\n")
    line = [*compose, "--file", "compose.yaml", "--file", instead.name]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    there = {**environment(), "PORT": str(port)}
    try:
        subprocess.run([*line, "up", "--detach"], cwd=folder, env=there, check=True)
        labels = [f"{COMPOSE}.project={folder.name}", f"{COMPOSE}.service=api"]
        [api] = engine.sdk.containers.list(filters={"label": labels})
        until = time.monotonic() + 60
        while api.health != "healthy" and time.monotonic() < until:
            time.sleep(0.2)
            api.reload()
        assert api.health == "healthy", api.logs().decode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/orders") as answer:
            assert project.answer in answer.read().decode()
    finally:
        subprocess.run([*line, "down", "--volumes", "--timeout=5"], cwd=folder, env=there, check=True)
