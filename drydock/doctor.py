"""Look at what builds need, and say for each: well, or what to do."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drydock import command, errors
from drydock.engine import Engine, connect
from drydock.project import Project, ca_bundle

OLDEST_ENGINE = 23
OLDEST_BUILDX = (0, 10)
LEAST_FREE_BYTES = 5_000_000_000
LOOKUP_SECONDS = 3.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: What it is.
        ok: Whether builds can rely on it.
        fact: What was seen.
        advice: What to do; empty when all is well.
        fatal: Whether nothing works until it is mended.
    """

    name: str
    ok: bool
    fact: str
    advice: str = ""
    fatal: bool = False


def examine(project: Project) -> Iterator[Finding]:
    """Yield the findings as they are made, the most basic first."""
    try:
        engine = connect()
    except errors.NoEngine as error:
        yield Finding("engine", False, str(error.values["tried"]), str(error.values["how"]), fatal=True)
        return
    yield engine_version(engine)
    yield buildx()
    yield disk(engine)
    yield base(engine, project)
    yield certificates()
    yield registry(project)


def engine_version(engine: Engine) -> Finding:
    """Check the engine's age."""
    info = engine.sdk.version()
    version = str(info.get("Version", "0"))
    fact = f"{version} at {engine.host} ({engine.candidate.source})"
    number = re.match(r"\d+", version)
    if "podman" in str(info).lower():
        return Finding(
            "engine", False, f"{fact}, Podman", "use Docker Engine for builds: Podman's has no BuildKit"
        )
    if number and int(number[0]) < OLDEST_ENGINE:
        return Finding("engine", False, fact, f"upgrade to {OLDEST_ENGINE} or newer")
    return Finding("engine", True, fact)


def buildx() -> Finding:
    """Check the CLI's plugin, which alone can use BuildKit's mounts."""
    try:
        done = command.run(["docker", "buildx", "version"], check=False)
    except errors.CommandMissing:
        return Finding(
            "buildx", False, "no docker CLI on PATH", "install docker-cli and docker-buildx", fatal=True
        )
    found = re.search(r"v?(\d+)\.(\d+)\.\d+", done.stdout)
    if done.code != 0 or not found:
        return Finding("buildx", False, "no plugin", "install docker-buildx", fatal=True)
    if (int(found[1]), int(found[2])) < OLDEST_BUILDX:
        return Finding("buildx", False, found[0], "upgrade to 0.10 or newer")
    return Finding("buildx", True, found[0])


def disk(engine: Engine) -> Finding:
    """Check the room where the engine keeps images, if that is on this machine."""
    folder = Path(str(engine.sdk.info().get("DockerRootDir", "/")))
    if not engine.host.startswith("unix://") or not folder.exists():
        return Finding("disk", True, f"{folder} is not on this machine, not measured")
    free = shutil.disk_usage(folder).free
    fact = f"{free / 1e9:.0f} GB free at {folder}"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", False, fact, "free some with `invoke clean` and `docker buildx prune`")
    return Finding("disk", True, fact)


def base(engine: Engine, project: Project) -> Finding:
    """Check whether the base image is at hand."""
    import docker

    for reference in (project.base, f"local/{project.base}"):
        try:
            engine.sdk.images.get(reference)
        except docker.errors.ImageNotFound:
            continue
        return Finding("base", True, f"{reference} is on the engine")
    return Finding("base", True, f"{project.base} is not on the engine; the first build pulls or makes it")


def certificates() -> Finding:
    """Check that there is a CA bundle to hand to builds."""
    bundle = ca_bundle()
    if bundle is None:
        return Finding("certificates", False, "no CA bundle", "install ca-certificates or set SSL_CERT_FILE")
    if not os.access(bundle, os.R_OK):
        return Finding("certificates", False, f"{bundle} cannot be read", "let your user read it")
    return Finding("certificates", True, f"{bundle}, passed to builds as a secret")


def registry(project: Project, resolve: Callable[[str], object] = socket.gethostbyname) -> Finding:
    """Check that the configured registry's name resolves."""
    if not project.registry:
        return Finding("registry", True, "none configured; name one with `push --registry`")
    host = project.registry.split("/")[0].rsplit(":", 1)[0]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(LOOKUP_SECONDS)
    try:
        resolve(host)
    except OSError as error:
        return Finding("registry", False, f"{host}: {error}", "mend [tool.drydock] registry, or DNS")
    finally:
        socket.setdefaulttimeout(before)
    return Finding("registry", True, f"{project.registry} resolves")
