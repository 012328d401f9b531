"""Examine the Docker Engine and its CLI: versions, context, storage, free space, time."""

import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock import command
from drydock.build import builder as builders
from drydock.build import podman
from drydock.build.errors import EngineTooOld, NoBuilder
from drydock.doctor.finding import Finding, failure, ok, unknown, warning
from drydock.engine import Engine, compaction, find
from drydock.errors import CommandMissing

OLDEST_BUILDX = (0, 10)
# A cold build needs about 3 GB: the base, the build's stages, the image.
LEAST_FREE_BYTES = 5_000_000_000
LEAST_FREE_INODES = 50_000
# With 500 MB, a build of three steps takes 0.14 s longer.
MOST_FREE_PAGES = 250_000_000
# Tokens and certificates are valid for minutes; signatures' timestamps are compared with this clock.
MOST_SKEW_SECONDS = 30.0
# Storage drivers to avoid, each with its reason.
POOR_DRIVERS = {
    "vfs": "it copies every layer whole: slow builds, many times the disk space",
    "aufs": "newer engines no longer have it",
    "devicemapper": "newer engines no longer have it",
    "btrfs": "it is known to leak space with BuildKit",
}


def version(engine: Engine) -> Finding:
    fact = f"{engine.version.get('Version', 'unknown')} at {engine.host} ({engine.candidate.source})"
    fact = f"Podman {fact}" if engine.podman else fact
    if engine.outdated:
        return failure("engine", fact, f"upgrade to {engine.oldest} or newer")
    return ok("engine", fact)


def context(environment: Mapping[str, str] = os.environ) -> Finding:
    """Check that a selected context exists, and that DOCKER_HOST does not silently override it."""
    host = environment.get("DOCKER_HOST")
    selected = find.current_context({key: text for key, text in environment.items() if key != "DOCKER_HOST"})
    if host and selected:
        fact = f"DOCKER_HOST {host} wins over {selected.source}"
        how = "unset one of them: `docker` and drydock use DOCKER_HOST, whatever `docker context ls` marks"
        return warning("context", fact, how)
    if selected and not selected.host:
        how = "choose another one: `docker context ls`, `docker context use`"
        return failure("context", selected.source, how)
    return ok("context", selected.source if selected else "default" if not host else f"DOCKER_HOST {host}")


def buildx(engine: Engine) -> Finding:
    """Check the CLI's buildx plugin, the only client with BuildKit's mounts; Podman builds itself."""
    if engine.podman and podman.is_here(engine):
        return ok("buildx", "Podman needs none")
    advice = "install it (Debian 13: docker-buildx, Docker's own packages: docker-buildx-plugin)"
    try:
        done = command.run(["docker", "buildx", "version"], env=engine.environment, check=False)
    except CommandMissing:
        return failure("buildx", "there is no docker CLI on PATH", "install docker-cli and docker-buildx")
    found = re.search(r"v?(\d+)\.(\d+)\.\d+", done.stdout)
    if done.code != 0 or not found:
        return failure("buildx", "the docker CLI has no such plugin", advice)
    if (int(found[1]), int(found[2])) < OLDEST_BUILDX:
        oldest = ".".join(str(part) for part in OLDEST_BUILDX)
        return failure("buildx", found[0], f"upgrade to {oldest} or newer")
    return ok("buildx", found[0])


def builder(engine: Engine) -> Finding:
    """Check the builder that a build without --builder takes."""
    try:
        found = builders.find(engine)
    except CommandMissing:
        return unknown("builder", "there is no docker CLI to ask")
    except EngineTooOld:
        return unknown("builder", "the engine's own is too old; --builder may name one outside of it")
    except NoBuilder as error:
        return failure("builder", str(error.values["problem"]), NoBuilder.next_step)
    if found.own:
        return ok("builder", f"{found}, the engine's own; it keeps no cache in a registry or folder")
    return ok("builder", f"{found}: it is handed the base, and the engine gets the image")


def storage(info: Mapping[str, Any]) -> Finding:
    driver = str(info.get("Driver", "unknown"))
    status = " ".join(" ".join(map(str, pair)) for pair in info.get("DriverStatus") or [])
    store = "containerd's image store" if "io.containerd.snapshotter" in status else "its own image store"
    fact = f"{driver}, {store}"
    if reason := POOR_DRIVERS.get(driver):
        return warning("storage", f"{fact}: {reason}", "let the engine use overlay2: remove `storage-driver`")
    if driver == "overlay2" and "Supports d_type false" in status:
        return failure("storage", f"{fact}, on a file system without d_type", "format it with ftype=1")
    return ok("storage", fact)


def records(info: Mapping[str, Any]) -> Finding:
    """Check the free pages of BuildKit's databases: each change of a record writes their list anew."""
    folder = Path(str(info.get("DockerRootDir", "/")), "buildkit")
    if not os.access(folder, os.R_OK):
        return unknown("build records", f"{folder} is not there, or only root may read it")
    try:
        free = sum(compaction.free_bytes(path) for path in sorted(folder.glob("*.db")))
    except (OSError, compaction.NotBbolt) as error:
        return unknown("build records", f"{folder} cannot be read: {error}")
    fact = f"{free / 1e6:.0f} MB of removed records in {folder}"
    if free > MOST_FREE_PAGES:
        how = "stop the engine, and start it with `drydock engine.start`, which removes them from the files"
        return warning("build records", f"{fact} slow every build down", how)
    return ok("build records", fact)


def disk(engine: Engine, info: Mapping[str, Any]) -> Finding:
    """Check the free space of the engine's folder, if it is on this machine."""
    folder = Path(str(info.get("DockerRootDir", "/")))
    if engine.host.startswith("unix://") and folder.exists():
        return room("disk", folder, "free some with `drydock clean` and `docker buildx prune`")
    return unknown("disk", f"{folder} is not on this machine")


def room(name: str, folder: Path, advice: str) -> Finding:
    """Check the free bytes and inodes of a folder's file system."""
    free = shutil.disk_usage(folder).free
    status = os.statvfs(folder)
    fact = f"{free / 1e9:.1f} GB free at {folder}"
    if free < LEAST_FREE_BYTES:
        # A build cannot succeed with less than a tenth of it.
        grade = failure if free < LEAST_FREE_BYTES / 10 else warning
        return grade(name, fact, f"{advice}; a cold build takes up to {LEAST_FREE_BYTES / 1e9:.0f} GB")
    # A file system that makes inodes on demand reports 0 of 0.
    if status.f_files and status.f_favail < LEAST_FREE_INODES:
        return warning(name, f"{fact}, but only {status.f_favail} inodes", advice)
    return ok(name, fact)


def clock(info: Mapping[str, Any], now: datetime | None = None) -> Finding:
    """Compare this machine's clock with the engine's; a virtual machine's stops while its host sleeps."""
    told = str(info.get("SystemTime", ""))
    try:
        theirs = datetime.fromisoformat(told)
    except ValueError:
        return unknown("clock", "the engine does not report its time")
    return skew("clock", "the engine's", (theirs - (now or datetime.now(UTC))).total_seconds())


def skew(name: str, whose: str, seconds: float) -> Finding:
    """Judge another clock's difference from this machine's; positive seconds mean that it is ahead."""
    if abs(seconds) > MOST_SKEW_SECONDS:
        where = "ahead of" if seconds > 0 else "behind"
        how = "set both by NTP (Docker Desktop, WSL: restart it after sleep): tokens and certificates fail"
        return warning(name, f"{whose} clock is {abs(seconds):.0f} s {where} this machine's", how)
    return ok(name, f"{whose} clock differs by {abs(seconds):.0f} s")
