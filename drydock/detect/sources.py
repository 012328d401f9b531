"""Read every place where a folder declares dependencies."""

from __future__ import annotations

from typing import Any

from packaging.utils import canonicalize_name

from drydock.detect import tools
from drydock.detect.requirements import read_requirements
from drydock.detect.tools import Source
from drydock.detect.tools.base import read_list
from drydock.detect.tools.pip import DEVELOPMENT, REQUIREMENTS
from drydock.detect.tree import Tree, folder_of, join, strings, table

__all__ = ["DEVELOPMENT", "Source", "declared_names", "declares", "project_table"]

MAX_MANIFESTS = 40
# Distributions whose top-level module is called otherwise, and like a module that projects have themselves.
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


def declares(tree: Tree, folder: str) -> list[Source]:
    """Return the declarations of dependencies in one folder, lock files first."""
    manifest = _manifest(tree, folder)
    found = [s for tool in tools.LOCKING for s in tool.sources(tree, folder, manifest)]
    if manifest and not any(s.tool.has_manifest for s in found):
        found.append(manifest)
    for tool in tools.PLAIN:
        # install_requires that is worked out (mostly from requirements.txt) names nothing to compare.
        found += [s for s in tool.sources(tree, folder, manifest) if s.wanted or not s.by_text or not found]
    return found


def project_table(tree: Tree, folder: str) -> dict[str, Any]:
    """Return a folder's pyproject.toml, {} when there is none."""
    return tree.toml(join(folder, "pyproject.toml")) or {}


def declared_names(tree: Tree) -> frozenset[str]:
    """Return the top-level module names that declared distributions would provide, without the tree's own."""
    names: set[str] = set()
    own: set[str] = set()
    for path in tree.named("pyproject.toml")[:MAX_MANIFESTS]:
        folder, data = folder_of(path), tree.toml(path) or {}
        source = _manifest(tree, folder)
        own |= {str(table(data, "project").get("name", "")), tools.about(data).name}
        own |= {name for tool in tools.TOOLS for name in tool.local(tree, folder, data)}
        names |= source.names if source else set()
    for path in [f for f in tree.files if REQUIREMENTS.search(f)][:MAX_MANIFESTS]:
        names |= {w.name for w in read_requirements(tree, path).wanted}
    names |= {MODULES[n] for n in names if n in MODULES}
    return frozenset(n.replace("-", "_") for n in names) - {
        canonicalize_name(o).replace("-", "_") for o in own
    }


def _manifest(tree: Tree, folder: str) -> Source | None:
    """Return what pyproject.toml declares, None when it is missing or only configures tools."""
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
    groups = {str(k): read_list(tree, path, v) for k, v in table(data, "dependency-groups").items()}
    for part in added:
        extras, groups = part.extras | extras, part.groups | groups
    files = (path, *(file for part in added for file in part.files))
    by = next((tool for tool in tools.TOOLS if alone and tool.declares_alone(data)), None)
    backend = table(data, "build-system").get("build-backend")
    reader = backend.partition(".")[0] if isinstance(backend, str) else ""
    where = f"{path} [project] {'dynamic ' if dynamic else ''}dependencies"
    where = f"{path} [tool.{by.name}.dependencies]" if by else where
    reader = by.name if by else reader
    return Source(tools.MANIFEST, folder, files, where, own, extras, groups, by_text=alone, reader=reader)
