"""Read every place where a folder declares dependencies."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from drydock.detect import poetry
from drydock.detect.code import Code
from drydock.detect.locks import LOCKS, Lock, read_lock
from drydock.detect.model import DependencyKind
from drydock.detect.requirements import Wanted, read_requirements, wanted
from drydock.detect.syntax import constant, keyword
from drydock.detect.tree import Tree, folder_of, join, line_of, strings, table

REQUIREMENTS = re.compile(r"(requirements[^/]*|[^/]*[-_.]requirements)\.(txt|lock)$")
DEVELOPMENT = re.compile(r"dev|test|docs?|lint|ci|build|local|typing|mypy|worker|notebook|bench", re.I)
PRODUCTION = re.compile(r"prod|base|main|common|core|app|api|server", re.I)

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


@dataclass(frozen=True)
class Source:
    """One declaration of dependencies.

    `folder` and `files` are relative to the tree; `package` is the workspace member to install; `extras` and
    `groups` hold what has to be asked for by name; `optional_groups` tells the tool that made them.
    """

    kind: DependencyKind
    tool: str
    folder: str
    files: tuple[str, ...]
    where: str
    wanted: tuple[Wanted, ...]
    extras: dict[str, tuple[Wanted, ...]] = field(default_factory=dict)
    groups: dict[str, tuple[Wanted, ...]] = field(default_factory=dict)
    lock: Lock | None = None
    package: str = ""
    hashed: bool = False
    itself: bool = False
    by_text: bool = False

    @property
    def names(self) -> set[str]:
        """Return the names asked for by default."""
        return {w.name for w in self.wanted}

    @property
    def label(self) -> str:
        """Return the file that a person would name this source by."""
        return self.lock.path if self.lock else self.files[0]


def declares(code: Code, folder: str) -> list[Source]:
    """Return the declarations of dependencies in one folder, lock files first."""
    tree = code.tree
    found: list[Source] = []
    project = _pyproject(tree, folder)
    for name in LOCKS:
        path = join(folder, name)
        if tree.exists(path):
            found += _locked(tree, folder, path, project)
    member = _workspace_member(tree, folder, project) if project and not found else None
    if member:
        found.append(member)
    if project and not any(s.kind in {"uv", "poetry", "pdm"} for s in found):
        found.append(project)
    found += _requirements(tree, folder)
    if not project:
        # install_requires that is worked out (mostly from requirements.txt) names nothing to compare.
        found += [s for s in _setup(code, folder) if s.wanted or not found]
    return found


def project_table(tree: Tree, folder: str) -> dict[str, Any]:
    """Return a folder's pyproject.toml, {} when there is none."""
    return tree.toml(join(folder, "pyproject.toml")) or {}


def declared_names(tree: Tree) -> frozenset[str]:
    """Return the top-level module names that declared distributions would provide, without the tree's own."""
    names: set[str] = set()
    own: set[str] = set()
    for path in tree.named("pyproject.toml")[:40]:
        source = _pyproject(tree, folder_of(path))
        data = tree.toml(path) or {}
        own |= {
            str(table(data, "project").get("name", "")),
            str(table(data, "tool", "poetry").get("name", "")),
        }
        own |= {
            k
            for k, v in table(data, "tool", "uv", "sources").items()
            if isinstance(v, dict) and {"path", "workspace"} & set(v)
        }
        names |= source.names if source else set()
    for path in [f for f in tree.files if REQUIREMENTS.search(f)][:40]:
        names |= {w.name for w in read_requirements(tree, path).wanted}
    names |= {MODULES[n] for n in names if n in MODULES}
    return frozenset(n.replace("-", "_") for n in names) - {
        canonicalize_name(o).replace("-", "_") for o in own
    }


def _list(tree: Tree, path: str, texts: object) -> tuple[Wanted, ...]:
    whole = tree.text(path) or ""
    items = [wanted(t, f"{path}:{line_of(whole, t)}") for t in strings(texts)]
    return tuple(i for i in items if i)


def _pyproject(tree: Tree, folder: str) -> Source | None:
    """Return what pyproject.toml declares, None when it is missing or only configures tools."""
    path = join(folder, "pyproject.toml")
    data = tree.toml(path)
    if not data:
        return None
    project, own_table = table(data, "project"), table(data, "tool", "poetry")
    dynamic = "dependencies" in strings(project.get("dynamic"))
    if "dependencies" not in project and not dynamic and not table(own_table, "dependencies"):
        return None
    files = [path]
    own = _list(tree, path, project.get("dependencies"))
    extras = {str(k): _list(tree, path, v) for k, v in table(project, "optional-dependencies").items()}
    groups = {str(k): _list(tree, path, v) for k, v in table(data, "dependency-groups").items()}
    groups |= {k: _list(tree, path, v) for k, v in table(data, "tool", "pdm", "dev-dependencies").items()}
    if isinstance(table(data, "tool", "uv").get("dev-dependencies"), list):
        groups.setdefault("dev", _list(tree, path, table(data, "tool", "uv").get("dev-dependencies")))
    where = f"{path} [project] dependencies"
    if dynamic:
        named = table(data, "tool", "setuptools", "dynamic", "dependencies").get("file")
        for name in strings(named) or ([named] if isinstance(named, str) else []):
            read = read_requirements(tree, join(folder, name))
            own, files = own + read.wanted, [*files, *read.files]
        own += _poetry_list(tree, path, table(own_table, "dependencies"))
        where = f"{path} [project] dynamic dependencies"
    elif "dependencies" not in project:
        own, extras, groups = _poetry_parts(tree, path, own_table)
        where = f"{path} [tool.poetry.dependencies]"
    by_text = "dependencies" not in project and not dynamic
    return Source("pyproject", _tool(data), folder, tuple(files), where, own, extras, groups, by_text=by_text)


def _tool(data: dict[str, Any]) -> str:
    if table(data, "tool", "poetry", "dependencies"):
        return "poetry"
    backend = table(data, "build-system").get("build-backend")
    return backend.partition(".")[0] if isinstance(backend, str) else "uv"


def _poetry_list(tree: Tree, path: str, rows: dict[str, Any]) -> tuple[Wanted, ...]:
    text = tree.text(path) or ""
    found = []
    for name, spec in rows.items():
        if name.lower() == "python":
            continue
        where = f"{path}:{line_of(text, chr(10) + name) + 1}"
        found += [wanted(requirement, where) for requirement in poetry.requirements(name, spec)]
    return tuple(item for item in found if item)


def _poetry_parts(
    tree: Tree, path: str, own_table: dict[str, Any]
) -> tuple[tuple[Wanted, ...], dict[str, tuple[Wanted, ...]], dict[str, tuple[Wanted, ...]]]:
    rows = table(own_table, "dependencies")
    optional = {n for n, s in rows.items() if isinstance(s, dict) and s.get("optional")}
    own = _poetry_list(tree, path, {n: s for n, s in rows.items() if n not in optional})
    by_name = {w.name: w for w in _poetry_list(tree, path, rows)}
    extras = {
        str(extra): tuple(by_name[c] for n in strings(names) if (c := str(canonicalize_name(n))) in by_name)
        for extra, names in table(own_table, "extras").items()
    }
    groups = {
        str(name): _poetry_list(tree, path, table(group, "dependencies"))
        for name, group in table(own_table, "group").items()
    }
    if table(own_table, "dev-dependencies"):
        groups["dev"] = _poetry_list(tree, path, table(own_table, "dev-dependencies"))
    return own, extras, groups


def _locked(tree: Tree, folder: str, path: str, project: Source | None) -> list[Source]:
    lock = read_lock(tree, path)
    if lock is None:
        return []
    kind = lock.kind
    if kind in {"uv", "poetry", "pdm"}:
        if project is None:
            return []
        files = (*project.files, path)
        package = ""
        if kind == "uv":
            files += tuple(_member_files(tree, folder))
        return [
            Source(
                _kind(kind),
                kind,
                folder,
                tuple(dict.fromkeys(files)),
                path,
                project.wanted,
                project.extras,
                project.groups,
                lock,
                package,
                True,
            )
        ]
    files = (join(folder, "Pipfile"), path) if kind == "pipenv" else (path,)
    present = tuple(f for f in files if tree.exists(f))
    own = tuple(
        Wanted(p.name, f"{p.name}=={p.version}", frozenset(), True, path) for p in lock.packages.values()
    )
    return [
        Source(
            _kind(kind),
            "pip" if kind == "pylock" else kind,
            folder,
            present,
            path,
            own,
            lock=lock,
            hashed=True,
        )
    ]


def _kind(name: str) -> DependencyKind:
    kinds: dict[str, DependencyKind] = {
        "uv": "uv",
        "poetry": "poetry",
        "pdm": "pdm",
        "pipenv": "pipenv",
        "pylock": "pylock",
    }
    return kinds[name]


def _member_files(tree: Tree, folder: str) -> list[str]:
    workspace = table(project_table(tree, folder), "tool", "uv", "workspace")
    patterns = [join(folder, p) for p in strings(workspace.get("members"))]
    members = {
        f for f in tree.named("pyproject.toml") if any(fnmatch.fnmatchcase(folder_of(f), p) for p in patterns)
    }
    return sorted(members)


def _workspace_member(tree: Tree, folder: str, project: Source) -> Source | None:
    """Return the workspace lock of a folder above that counts this folder as a member."""
    above = folder
    while above != ".":
        above = folder_of(above)
        path = join(above, "uv.lock")
        if tree.exists(path) and join(folder, "pyproject.toml") in _member_files(tree, above):
            lock = read_lock(tree, path)
            name = table(project_table(tree, folder), "project").get("name")
            if lock and isinstance(name, str):
                files = (join(above, "pyproject.toml"), path, *_member_files(tree, above))
                return Source(
                    "uv",
                    "uv",
                    above,
                    tuple(dict.fromkeys(files)),
                    path,
                    project.wanted,
                    project.extras,
                    project.groups,
                    lock,
                    name,
                    True,
                )
    return None


def _requirements(tree: Tree, folder: str) -> list[Source]:
    """Return the requirements files for production: the plain name, else those not for development."""
    inner = join(folder, "requirements")
    names = [f for f in tree.listing(folder) if REQUIREMENTS.search(f)] + tree.listing(inner)
    names = [n for n in names if n.endswith((".txt", ".lock"))]
    plain = [n for n in (join(folder, "requirements.txt"), join(folder, "requirements.lock")) if n in names]
    others = [n for n in names if n not in plain and not DEVELOPMENT.search(n.rpartition("/")[2])]
    production = [n for n in others if PRODUCTION.search(n.rpartition("/")[2])]
    chosen = plain or _prefer(production) or others
    if len(plain) == 2 and read_requirements(tree, plain[1]).wanted:
        chosen = [plain[1]]  # requirements.lock is what requirements.txt was resolved to
    found = []
    for path in chosen:
        read = read_requirements(tree, path)
        if read.wanted or read.itself:
            found.append(
                Source(
                    "requirements",
                    "pip",
                    folder,
                    read.files,
                    path,
                    read.wanted,
                    hashed=read.hashed,
                    itself=read.itself,
                )
            )
    return found


def _prefer(names: list[str]) -> list[str]:
    production = [n for n in names if re.search("prod", n.rpartition("/")[2], re.I)]
    return production or names


def _setup(code: Code, folder: str) -> list[Source]:
    path = join(folder, "setup.py")
    module = code.module(path)
    if module is None:
        return []
    for site in module.calls:
        if site.name.rpartition(".")[2] != "setup":
            continue
        node = keyword(site.node, "install_requires")
        if node is None:
            continue
        binding = module.bound(getattr(node, "id", ""))
        listed = getattr(binding.value if binding else node, "elts", [])
        own = [wanted(t, f"{path}:{e.lineno}") for e in listed if (t := constant(e))]
        return [
            Source(
                "setup",
                "setuptools",
                folder,
                (path,),
                module.at(node),
                tuple(w for w in own if w),
                itself=True,
            )
        ]
    return []
