"""Read compose files: services, what they are built from, and what they run."""

from __future__ import annotations

import re
from typing import Any

import yaml

from drydock.detect.tree import Tree, folder_of, join

MAX_FILES = 60


class _Loader(yaml.SafeLoader):
    """A safe loader that reads unknown tags (`!reset`, `!override`) as nothing."""


def _nothing(_loader: yaml.SafeLoader, _node: yaml.Node) -> None:
    """Stand for the value of an unknown tag."""


_Loader.add_constructor(None, _nothing)


def read_yaml(text: str) -> dict[str, Any]:
    """Return a YAML mapping, {} for anything else."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that ignores tags
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, KeyError, AttributeError):
        return {}
    return value if isinstance(value, dict) else {}


def _compose_files(tree: Tree) -> list[str]:
    pattern = re.compile(r"(.*/)?(docker-)?compose([.-][\w.-]+)?\.ya?ml")
    return sorted((f for f in tree.files if pattern.fullmatch(f)), key=lambda f: (f.count("/"), f))[
        :MAX_FILES
    ]


def compose_services(tree: Tree) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (file, service name, service) of every compose file."""
    found = []
    for path in _compose_files(tree):
        services = read_yaml(tree.text(path) or "").get("services")
        if isinstance(services, dict):
            found += [(path, str(name), s) for name, s in services.items() if isinstance(s, dict)]
    return found


def build_of(path: str, service: dict[str, Any]) -> tuple[str, str] | None:
    """Return (context, Dockerfile) of a compose service that is built."""
    build = service.get("build")
    if isinstance(build, str):
        context = join(folder_of(path), build)
        return context, join(context, "Dockerfile")
    if isinstance(build, dict) and isinstance(build.get("context", "."), str):
        context = join(folder_of(path), build.get("context", "."))
        name = build.get("dockerfile")
        return context, join(context, name if isinstance(name, str) else "Dockerfile")
    return None
