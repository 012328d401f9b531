"""Find the buildx builder that builds: the engine's own, or one that has images and a cache of its own."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drydock import command
from drydock.build import podman
from drydock.build.errors import DockerIsPodman, EngineTooOld, NoBuilder
from drydock.engine import Engine

OWN = "docker"  # the driver of the builders inside engines
PODMAN = podman.PROGRAM  # for a builder that is no driver of buildx


@dataclass(frozen=True)
class Builder:
    """A builder of buildx."""

    name: str
    driver: str
    environment: Mapping[str, str]  # directs every command of buildx to it

    @property
    def own(self) -> bool:
        """Whether it is inside the engine, and so sees the engine's images."""
        return self.driver in (OWN, PODMAN)

    @property
    def podman(self) -> bool:
        return self.driver == PODMAN

    def __str__(self) -> str:
        return self.name if self.podman else f"{self.name} ({self.driver} driver)"


def find(engine: Engine, name: str = "", environment: Mapping[str, str] = os.environ) -> Builder:
    """Return the builder of this name, else the selected one: by BUILDX_BUILDER or `docker buildx use`."""
    inside = engine.candidate.context or "default"
    wanted = name or environment.get("BUILDX_BUILDER") or _used(environment) or inside
    directed = {**engine.environment, "BUILDX_BUILDER": wanted}
    if wanted == inside:  # asking buildx costs a quarter of a second
        if engine.outdated:
            version = engine.version["Version"]
            raise EngineTooOld(engine=engine.name, host=engine.host, version=version, oldest=engine.oldest)
        if engine.podman and podman.is_here(engine):
            return Builder(PODMAN, PODMAN, {})
        _require_docker(engine)
        # buildx starts BuildKit in a container of Podman's.
        return Builder(wanted, "docker-container" if engine.podman else OWN, directed)
    _require_docker(engine)
    done = command.run(["docker", "buildx", "inspect", wanted], env=directed, check=False)
    if done.code != 0:
        raise NoBuilder(builder=wanted, problem=done.last.removeprefix("ERROR: "))
    said = dict(re.findall(r"^(Driver|Endpoint|Status):\s*(\S+)", done.stdout, re.MULTILINE))
    driver, endpoint = said.get("Driver", "unknown"), said.get("Endpoint")
    if driver == OWN and endpoint != inside:
        problem = f"it builds inside the engine of the docker context {wanted}, and not at {engine.host}"
        raise NoBuilder(builder=wanted, problem=problem)
    # Other drivers start what does not run yet; buildx would wait 20 seconds for this one.
    if driver == "remote" and said.get("Status") != "running":
        raise NoBuilder(builder=wanted, problem=f"nothing answers its remote driver at {endpoint}")
    return Builder(wanted, driver, directed)


def _require_docker(engine: Engine) -> None:
    """Refuse the package podman-docker, whose `docker` runs podman."""
    if (path := shutil.which("docker")) is None:
        return
    found = Path(path)
    with found.open("rb") as file:
        script = file.read(400)
    if found.resolve().name == PODMAN or (script.startswith(b"#!") and b"exec /usr/bin/podman" in script):
        raise DockerIsPodman(program=found, host=engine.host)


def _used(environment: Mapping[str, str]) -> str:
    """Return the name that `docker buildx use` wrote down; empty without one."""
    docker = environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/", ".docker")
    folder = environment.get("BUILDX_CONFIG") or f"{docker}/buildx"
    try:
        return str(json.loads((Path(folder) / "current").read_text()).get("Name") or "")
    except (OSError, ValueError, AttributeError):
        return ""
