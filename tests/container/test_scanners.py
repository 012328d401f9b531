"""Scanners find the same in production as in slim, less what is really absent."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from drydock import command
from drydock.detect.project import load
from drydock.engine import LABEL, Engine
from drydock.programs import tool
from drydock.publish.builds import open_workspace
from tests.conftest import ROOT
from tests.support.archives import unpack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

# World-writable, in the base image as in every Debian.
SHARED = {"/tmp", "/var/tmp", "/run/lock"}  # noqa: S108
# Ours, in place of libc-bin's.
OURS = {"/usr/sbin/ldconfig"}


@dataclass(frozen=True)
class Exported:
    """An image as an archive and as a folder."""

    archive: Path
    root: Path

    @property
    def site(self) -> Path:
        [found] = self.root.glob("opt/venv/lib/python3*/site-packages")
        return found


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    folder = tmp_path_factory.mktemp("exported")
    workspace = open_workspace(engine, load(ROOT))
    found = {}
    for target in ("production", "slim"):
        image = workspace.built(target).image_id
        exported = found[target] = Exported(folder / f"{target}.tar", folder / target)
        command.run(["docker", "save", "--output", str(exported.archive), image], env=engine.environment)
        container = engine.sdk.containers.create(image, command=["-"], labels={LABEL: "test"})
        try:
            flat = folder / "flat.tar"
            with flat.open("wb") as file:
                for chunk in container.export():
                    file.write(chunk)
        finally:
            container.remove(force=True)
        with tarfile.open(flat) as archive:
            members = [member for member in archive if not member.isdev()]
            unpack(archive, exported.root, members)
    return found


def trivy(exported: Exported) -> dict[str, set[tuple[str, str]]]:
    """Return the names and versions found by Trivy, by kind."""
    args = [tool("trivy"), "image", "--quiet", "--input", exported.archive, "--format", "cyclonedx"]
    report = json.loads(command.run([str(part) for part in args]).stdout)
    found: dict[str, set[tuple[str, str]]] = {"deb": set(), "pypi": set()}
    for component in report["components"]:
        kind = component.get("purl", "pkg:none/").split(":")[1].split("/")[0]
        if kind in found:
            found[kind].add((component["name"], component["version"]))
    return found


def cyclonedx(exported: Exported, folder: Path) -> set[tuple[str, str]]:
    """Return the names and versions found by cyclonedx-py in the image's environment."""
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\necho '{json.dumps([str(exported.site)])}'\n")
    interpreter.chmod(0o755)
    report = command.run([str(tool("cyclonedx-py")), "environment", str(interpreter)]).stdout
    return {(component["name"], component["version"]) for component in json.loads(report)["components"]}


def files_of(package: str, root: Path) -> set[str]:
    """Return a Debian package's files in an image with dpkg's own database."""
    info = root / "var/lib/dpkg/info"
    lists = [*info.glob(f"{package}.list"), *info.glob(f"{package}:*.list")]
    names = {line for path in lists for line in path.read_text().splitlines()}
    return {name for name in names if (root / name[1:]).is_file() or (root / name[1:]).is_symlink()}


def test_trivy_sees_every_debian_package_whose_files_ship_and_no_other(images: dict[str, Exported]) -> None:
    production, slim = images["production"], images["slim"]
    there, everything = trivy(production)["deb"], trivy(slim)["deb"]

    assert there < everything
    for name, _ in everything - there:
        shipped = {
            path
            for path in files_of(name, slim.root) - OURS
            if (production.root / path[1:]).is_file() and not path.startswith("/usr/share/doc/")
        }
        assert shipped == set(), name


def test_trivy_sees_every_distribution_but_the_bases_own(images: dict[str, Exported]) -> None:
    there, everything = (trivy(images[target])["pypi"] for target in ("production", "slim"))

    assert there <= everything
    installed = {
        path.name.split("-")[0].replace("_", "-").lower()
        for path in images["production"].site.glob("*.dist-info")
    }
    assert {name.replace("_", "-").lower() for name, _ in there} == installed
    # Parts of the base image's own Python, which production leaves out.
    assert {name for name, _ in everything - there} <= {"pip", "setuptools", "wheel"}


def test_cyclonedx_sees_the_same_distributions_in_both(images: dict[str, Exported], tmp_path: Path) -> None:
    production, slim = (cyclonedx(images[target], tmp_path) for target in ("production", "slim"))

    assert len(production) > 50
    assert production == slim


def test_slim_lets_its_user_write_to_temporary_folders_alone(
    engine: Engine, images: dict[str, Exported]
) -> None:
    workspace = open_workspace(engine, load(ROOT))
    find = ["find", "/", "-xdev", "-writable", "-not", "-type", "l", "-not", "-path", "/proc/*"]
    args = ["docker", "run", "--rm", workspace.built("slim").image_id, *find, "-not", "-path", "/dev/*"]
    done = subprocess.run(args, capture_output=True, text=True, check=False)

    assert set(done.stdout.split()) <= SHARED
