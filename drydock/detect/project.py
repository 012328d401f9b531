"""Read a project's configuration, completed by detection."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock.detect.errors import Undecided
from drydock.project import Development, Project
from drydock.project.configuration import configured, read
from drydock.project.errors import NoProject

if TYPE_CHECKING:
    from drydock.detect.model import Findings

DETECTED = ("source", "entry-point", "factory", "python", "port", "health-path", "ready-path", "lock")


def load(folder: Path) -> Project:
    """Read a project from its configuration, and from detection for the keys that it lacks.

    Raises:
        NoProject: It is not a folder, or holds neither a configuration nor a FastAPI application.
        BadConfiguration: The configuration is not TOML, or a key is unknown or of the wrong type.
        Undecided: Its files contradict each other about a value that the configuration lacks.
    """
    return read(folder, missing)


def missing(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return detection's values for the keys that the configuration lacks; detect only if one is missing."""
    # A missing lock key alone needs no detection: a build finds the two that drydock's own Dockerfile reads.
    if not set(DETECTED) - {*given, "lock", "factory" if "entry-point" in given else ""}:
        return {}
    # Imported here: tasks of a configured project should not wait for it.
    from drydock.detect.detector import detect

    findings = detect(root, configured(root))
    if undecided := [found for found in findings.conflicts if found.key in DETECTED]:
        evidence = "\n".join(found.text for found in undecided)
        raise Undecided(path=root, count=len(undecided), evidence=evidence)
    if not given and findings.entry_point is None and not (root / "pyproject.toml").is_file():
        problem = "holds no FastAPI application, and neither pyproject.toml nor drydock.toml"
        raise NoProject(path=root, problem=problem)
    values = {key: found.value for key, found in findings.by_option().items()} | _unwritten(findings)
    if findings.root != root:  # the workspace above, which holds the lock
        values["root"] = findings.root
    lock = findings.dependencies
    if lock is None or not (lock.value.locked and lock.value.hashed):
        values.pop("lock", None)
    if findings.python:
        values["python-also"] = findings.python_supported[1:]
    return {key: value for key, value in values.items() if key not in given}


def _unwritten(findings: Findings) -> dict[str, Any]:
    """Return the files that are opened by name, and examples of required settings."""
    from drydock.detect import examples, system

    found: dict[str, Any] = {}
    if opened := system.opened_files(system.with_beside(package.value for package in findings.system_run)):
        found["extra-files"] = opened
    if needed := [setting.value for setting in findings.settings if setting.value.required]:
        found["development"] = Development({setting.name: examples.example(setting) for setting in needed})
    return found
