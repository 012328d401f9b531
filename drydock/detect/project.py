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
    from drydock.detect.model import Findings, Found

DETECTED = ("source", "entry-point", "factory", "python", "port", "health-path", "ready-path", "lock")


def load(folder: Path) -> Project:
    """Read a project from its configuration, and from detection for the keys that it lacks.

    Raises:
        NoProject: It is not a folder, or holds neither a configuration nor a FastAPI application.
        BadConfiguration: The configuration is not TOML, or a key is unknown or of the wrong type.
        Undecided: Its files contradict each other about a value that the configuration lacks.
    """
    return read(folder, _missing)


def _missing(root: Path, given: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return detection's values for the keys that the configuration lacks; detect only if one is missing."""
    # A missing lock key alone needs no detection: a build finds the two that drydock's own Dockerfile reads.
    if not set(DETECTED) - {*given, "lock", "factory" if "entry-point" in given else ""}:
        return {}
    # Imported here: tasks of a configured project should not wait for it.
    from drydock.detect.detector import detect
    from drydock.detect.model import Found

    findings = detect(root, configured(root))
    if undecided := [found for found in findings.conflicts if found.key in DETECTED]:
        raise Undecided(
            path=root, count=len(undecided), evidence="\n".join(found.text for found in undecided)
        )
    if not given and findings.entry_point is None and not (root / "pyproject.toml").is_file():
        raise NoProject(
            path=root, problem="holds no FastAPI application, and neither pyproject.toml nor drydock.toml"
        )
    values = findings.by_option()
    if findings.root != root:
        values["root"] = Found(findings.root, "the workspace above, which holds the lock")
    values |= _unwritten(findings)
    lock = findings.dependencies
    if lock is None or not (lock.value.locked and lock.value.hashed):
        values.pop("lock", None)
    if findings.python:
        values["python-also"] = Found(findings.python_supported[1:], findings.python.where)
    return {key: (found.value, found.where) for key, found in values.items() if key not in given}


def _unwritten(findings: Findings) -> dict[str, Found[Any]]:
    """Return the files that are opened by name, and examples of required settings."""
    from drydock.detect import examples, system
    from drydock.detect.model import Found

    found: dict[str, Found[Any]] = {}
    if opened := system.opened_files(system.with_beside(package.value for package in findings.system_run)):
        found["extra-files"] = Found(opened, findings.system_run[0].where)
    if needed := [setting for setting in findings.settings if setting.value.required]:
        values = {setting.value.name: examples.example(setting.value) for setting in needed}
        found["development"] = Found(Development(values), needed[0].where)
    return found
