"""The application's lock file: is there one, and does it still match the manifest?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from drydock import dockerignore, errors
from drydock.project import LOCK_FILES, Project

REMAKE = {
    "uv.lock": "uv lock",
    "requirements.lock": "uv export --no-emit-project --no-header --no-annotate -o requirements.lock",
}


@dataclass(frozen=True)
class Lock:
    """A lock file: its path, its kind (the file's name), and the versions that it pins by canonical name."""

    path: Path
    kind: str
    pins: Mapping[str, str]


def find(project: Project) -> Lock:
    """Return the lock file that the Dockerfile will install from: uv.lock first, as there.

    Raises:
        errors.LockMissing: The source folder has none.
        errors.LockStale: It does not match pyproject.toml.
    """
    path = candidate(project)
    if path is None:
        raise errors.LockMissing(
            source=project.source,
            looked_for=", ".join(LOCK_FILES),
            command=f"cd {project.source} && {REMAKE['uv.lock']}",
        )
    text = path.read_text(encoding="utf-8")
    lock = Lock(path, path.name, uv_pins(text) if path.name == "uv.lock" else requirements_pins(text))
    manifest = project.source / "pyproject.toml"
    wanted = tomllib.loads(manifest.read_text(encoding="utf-8")).get("project", {}).get("dependencies", [])
    if mismatch := mismatches(wanted, lock.pins, project.python):
        raise errors.LockStale(
            lock=path,
            manifest=manifest.name,
            mismatch=", ".join(mismatch),
            command=f"cd {project.source} && {REMAKE[lock.kind]}",
        )
    return lock


def candidate(project: Project) -> Path | None:
    """Return the lock file that reaches the build: a uv.lock that .dockerignore keeps out is none."""
    ignore = project.root / ".dockerignore"
    patterns = dockerignore.patterns(ignore.read_text(encoding="utf-8")) if ignore.is_file() else []
    paths = {(project.source / name).relative_to(project.root).as_posix(): name for name in LOCK_FILES}
    hidden = dockerignore.excluded(patterns, paths)
    found = (project.root / path for path in paths if path not in hidden)
    return next((path for path in found if path.is_file()), None)


def uv_pins(text: str) -> dict[str, str]:
    """Return what a uv.lock pins."""
    packages = tomllib.loads(text).get("package", [])
    return {canonicalize_name(package["name"]): package.get("version", "") for package in packages}


def requirements_pins(text: str) -> dict[str, str]:
    """Return what a requirements file with exact versions pins."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def mismatches(wanted: Iterable[str], pins: Mapping[str, str], python: str) -> list[str]:
    """Return, in words, each requirement that the pins do not meet.

    Args:
        wanted: Requirements as pyproject.toml writes them.
        pins: Version by canonical name.
        python: The Python minor version of the image, for markers.
    """
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    found = []
    for text in wanted:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            found.append(f"{text!r} is no requirement")
            continue
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        pinned = pins.get(canonicalize_name(requirement.name))
        if pinned is None:
            found.append(f"{requirement.name} is not in it")
        elif pinned and not requirement.specifier.contains(pinned, prereleases=True):
            found.append(f"{requirement.name} {pinned} is not {requirement.specifier}")
    return found
