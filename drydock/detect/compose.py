"""Read compose files: services, their builds, and their commands."""

from __future__ import annotations

import re
from typing import Any

import yaml

from drydock.detect.tree import Tree, folder_of, join, table

MAX_FILES = 60
NAME = re.compile(r"(.*/)?(docker-)?compose([.-][\w.-]+)?\.ya?ml")


class _Loader(yaml.SafeLoader):
    """A safe loader that reads unknown tags (`!reset`, `!override`) as nothing."""


_Loader.add_constructor(None, lambda _loader, _node: None)


def read_yaml(text: str) -> dict[str, Any]:
    """Parse a YAML mapping, {} for anything else."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that ignores tags
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, KeyError, AttributeError):
        return {}
    return value if isinstance(value, dict) else {}


def compose_services(tree: Tree) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (file, service name, service) for each service in the compose files."""
    files = [f for f in tree.files if NAME.fullmatch(f)]
    found = []
    for path in sorted(files, key=lambda f: (f.count("/"), f))[:MAX_FILES]:
        services = table(read_yaml(tree.text(path) or ""), "services")
        found += [
            (path, str(name), s)
            for name, s in services.items()
            if isinstance(s, dict) and str(name).isprintable()
        ]
    return found


def build_of(path: str, service: dict[str, Any]) -> tuple[str, str] | None:
    """Return (context, Dockerfile) of a compose service that is built."""
    build = service.get("build")
    build = {"context": build} if isinstance(build, str) else build
    context = build.get("context", ".") if isinstance(build, dict) else None
    if not isinstance(build, dict) or not isinstance(context, str):
        return None
    context, name = join(folder_of(path), context), build.get("dockerfile")
    return context, join(context, name if isinstance(name, str) else "Dockerfile")
