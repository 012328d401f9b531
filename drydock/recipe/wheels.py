"""Choose among the supported Python versions by the wheels of the resolved dependencies."""

import posixpath
import tomllib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from drydock.detect.locks import holds
from drydock.detect.python import fits
from drydock.project.lock import linux


def choose(pylock: str, candidates: Sequence[str]) -> dict[str, list[str]]:
    """Return the candidates for which the fewest packages lack a wheel, each with those packages."""
    packages = tomllib.loads(pylock).get("packages", [])
    missing = {version: _without_wheel(packages, version) for version in candidates}
    fewest = min(map(len, missing.values()))
    return {version: lacking for version, lacking in missing.items() if len(lacking) == fewest}


def _without_wheel(packages: Sequence[dict[str, Any]], version: str) -> list[str]:
    """Return the packages that a Python on Linux would have to compile, each with its version."""
    environment = linux(version)
    return [
        f"{package['name']} {package.get('version', '')}".rstrip()
        for package in packages
        if holds(str(package.get("marker", "")), environment)
        and not any(fits(_name(file), version) for file in _files(package))
    ]


def _files(package: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a package's wheels, and the file that an address or a path names."""
    return [*package.get("wheels", ()), package.get("archive", {})]


def _name(file: dict[str, Any]) -> str:
    place = file.get("url") or file.get("path") or ""
    return str(file.get("name") or posixpath.basename(urlsplit(str(place)).path))
