"""Read every declaration of dependencies in a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dependency_groups
from packaging.utils import canonicalize_name

from drydock.detect import tools
from drydock.detect.requirements import ARCHIVES, read_requirements
from drydock.detect.tools import Source as Source
from drydock.detect.tools.base import read_list
from drydock.detect.tools.pip import DEVELOPMENT as DEVELOPMENT
from drydock.detect.tools.pip import REQUIREMENTS
from drydock.detect.tools.pipenv import Pipenv
from drydock.detect.tree import Tree, folder_of, join, strings
from drydock.toml import table

MAX_MANIFESTS = 40
# Distributions whose top-level module has another name, which a project's own module might have too.
MODULES = {
    "pyjwt": "jwt",
    "pyyaml": "yaml",
    "python-jose": "jose",
    "python-dotenv": "dotenv",
    "pillow": "PIL",
    "python-multipart": "multipart",
    "beautifulsoup4": "bs4",
    "gitpython": "git",
    "python-magic": "magic",
    "python-socketio": "socketio",
    "python-slugify": "slugify",
    "python-telegram-bot": "telegram",
    "python-ldap": "ldap",
    "discord-py": "discord",
    "scikit-learn": "sklearn",
    "opencv-python": "cv2",
}


def declares(tree: Tree, folder: str, depth: int = 3) -> list[Source]:
    """Return a folder's declarations of dependencies, lock files first, with those of local folders."""
    found = []
    own = _own(tree, folder)
    for source in own:
        inner = [next(iter(declares(tree, one, depth - 1)), None) for one in source.local if depth]
        more = tuple(item for one in inner if one for item in one.wanted)
        folders = (*source.folders, *(name for one in inner if one for name in one.folders))
        archives = (file for one in inner if one for file in one.files if file.endswith(ARCHIVES))
        files = tuple(dict.fromkeys((*source.files, *archives)))
        if source.itself and source.tool.can_pin:  # a requirements file
            for one in (one for one in own if not one.lock and not one.tool.can_pin):
                more += (*one.wanted, *one.selected(source.own_extras))
        found.append(replace(source, wanted=source.wanted + more, folders=folders, files=files))
    return found


def local_folders(tree: Tree) -> set[str]:
    """Return the tree's folders that a declaration installs: their modules are imported by name."""
    found: set[str] = set()
    for path in [*tree.named("pyproject.toml"), *tree.named(Pipenv.manifest)][:MAX_MANIFESTS]:
        for tool in tools.TOOLS:
            found |= set(tool.local(tree, folder_of(path), tree.toml(path) or {}).values())
    for path in [f for f in tree.files if REQUIREMENTS.search(f)][:MAX_MANIFESTS]:
        found |= set(read_requirements(tree, path).local)
    return {folder for folder in found if folder != "." and tree.is_folder(folder)}


def _own(tree: Tree, folder: str) -> list[Source]:
    manifest = declared(tree, folder)
    found = [s for tool in tools.LOCKING for s in tool.sources(tree, folder, manifest)]
    if manifest and not any(s.tool.has_manifest for s in found):
        found.append(manifest)
    for tool in tools.PLAIN:
        # A computed install_requires (mostly from requirements.txt) has no names to compare.
        found += [s for s in tool.sources(tree, folder, manifest) if s.wanted or not s.by_text or not found]
    return found


def project_table(tree: Tree, folder: str) -> dict[str, Any]:
    """Return a folder's pyproject.toml, {} without one."""
    return tree.toml(join(folder, "pyproject.toml")) or {}


def declared_names(tree: Tree) -> frozenset[str]:
    """Return the top-level modules that declared distributions would provide, without the tree's own."""
    names: set[str] = set()
    own: set[str] = set()
    for path in tree.named("pyproject.toml")[:MAX_MANIFESTS]:
        folder, data = folder_of(path), tree.toml(path) or {}
        source = declared(tree, folder)
        own |= {str(table(data, "project").get("name", "")), tools.about(data).name}
        own |= {name for tool in tools.TOOLS for name in tool.local(tree, folder, data)}
        names |= source.names if source else set()
    for path in [f for f in tree.files if REQUIREMENTS.search(f)][:MAX_MANIFESTS]:
        names |= {w.name for w in read_requirements(tree, path).wanted}
    names |= {MODULES[n] for n in names if n in MODULES}
    known = frozenset(name.replace("-", "_") for name in names)
    return known - {canonicalize_name(name).replace("-", "_") for name in own}


def declared(tree: Tree, folder: str) -> Source | None:
    """Return pyproject.toml's declaration, None if the file is missing or only configures tools."""
    path = join(folder, "pyproject.toml")
    data = tree.toml(path)
    if not data:
        return None
    project = table(data, "project")
    dynamic = "dependencies" in strings(project.get("dynamic"))
    alone = "dependencies" not in project and not dynamic
    added = [tool.parts(tree, path, data) for tool in tools.TOOLS]
    own = read_list(tree, path, project.get("dependencies"))
    own += tuple(item for part in added for item in part.wanted)
    if alone and not any(part.wanted or part.extras or part.groups for part in added):
        return None
    extras = {str(k): read_list(tree, path, v) for k, v in table(project, "optional-dependencies").items()}
    groups = {name: read_list(tree, path, _group(data, name)) for name in table(data, "dependency-groups")}
    for part in added:
        extras, groups = part.extras | extras, part.groups | groups
    files = (path, *(file for part in added for file in part.files))
    repositories = {canonicalize_name(name) for tool in tools.TOOLS for name in tool.repositories(data)}
    own = tuple(replace(item, repository=item.repository or item.name in repositories) for item in own)
    places = {
        str(canonicalize_name(name)): place
        for tool in tools.TOOLS
        for name, place in tool.local(tree, folder, data).items()
        if place != folder
    }
    asked = {item.name for items in (own, *extras.values(), *groups.values()) for item in items}
    there = dict.fromkeys(places[item.name] for item in own if item.name in places)
    local = tuple(place for place in there if place not in ("", "."))
    folders = tuple(name for name in sorted(asked & places.keys()) if not places[name].endswith(ARCHIVES))
    by = next((tool for tool in tools.TOOLS if alone and tool.declares_alone(data)), None)
    backend = table(data, "build-system").get("build-backend")
    reader = backend.partition(".")[0] if isinstance(backend, str) else ""
    where = f"{path} [project] {'dynamic ' if dynamic else ''}dependencies"
    where = f"{path} [tool.{by.name}.dependencies]" if by else where
    reader = by.name if by else reader
    found = Source(tools.MANIFEST, folder, files, where, own, extras, groups, by_text=alone, reader=reader)
    return replace(found, local=local, folders=folders)


def _group(data: dict[str, Any], name: str) -> list[str]:
    """Resolve a dependency group's includes; a group that includes itself keeps only its own strings."""
    try:
        return list(dependency_groups.resolve(table(data, "dependency-groups"), name))
    except (ValueError, TypeError, LookupError):
        return strings(table(data, "dependency-groups").get(name))
