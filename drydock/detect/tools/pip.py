"""pip: requirements files, pylock.toml, and a pyproject.toml without a lock."""

from __future__ import annotations

import re
from dataclasses import replace

from drydock.detect.locks import Locked
from drydock.detect.model import Dependencies
from drydock.detect.requirements import read_requirements
from drydock.detect.tools.base import (
    UV_INSTALL,
    Names,
    Rows,
    RowsReader,
    Source,
    Step,
    Tool,
    asked,
    files_of,
    name_of,
    version_of,
)
from drydock.detect.tree import Tree, folder_of, join
from drydock.project.lock import resolved_from
from drydock.toml import table

PLAIN, LOCK = "requirements.txt", "requirements.lock"
REQUIREMENTS = re.compile(r"(requirements[^/]*|[^/]*[-_.]requirements)\.(txt|lock)$")
DEVELOPMENT = re.compile(r"dev|test|docs?|lint|ci|build|local|typing|mypy|worker|notebook|bench", re.I)
INSTALLED = re.compile(r"(?:-r|--requirement)[= ]*[\"']?([\w./-]+\.(?:txt|lock))")
PRODUCTION = re.compile(r"prod|base|main|common|core|app|api|server", re.I)


class Pylock(RowsReader, Tool):
    """The standard lock file, which uv installs directly."""

    kind = "pylock"
    name = "pip"
    lock = "pylock.toml"
    rows = "packages"
    mention = r"pylock\.toml"
    ships_folders = False

    def package(self, row: Rows, old_files: Rows) -> Locked:
        wheels = files_of(row.get("wheels"), "name", "url", "path")
        more = isinstance(row.get("sdist"), dict)
        local = str(table(row.get("directory")).get("path", ""))
        return Locked(name_of(row), version_of(row), (), wheels, more, local, "vcs" in row)

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        return _from_file(source)

    def steps(self, found: Dependencies, step: Step) -> list[str]:
        """Sync the environment with the file; uv always checks its hashes."""
        return [step.make, f"{step.download} uv pip sync {step.into} {step.file}"]


class Requirements(Tool):
    """A requirements file, pinned and hashed or not."""

    kind = "requirements"
    name = "pip"
    can_pin = True

    def mentioned(self, source: Source) -> str:
        names = [source.files[0].rpartition("/")[2]]
        if names == [LOCK]:
            # `init` makes the lock beside it, and a Dockerfile goes on installing the other.
            names.append(PLAIN)
        return rf"(-r|--requirement)[= ]*[\"']?\S*({'|'.join(map(re.escape, names))})"

    def sources(self, tree: Tree, folder: str, manifest: Source | None) -> list[Source]:
        """Return the production files: the plain name, else those not for development."""
        return list(filter(None, (self.read_file(tree, folder, path) for path in _chosen(tree, folder))))

    def read_file(self, tree: Tree, folder: str, path: str) -> Source | None:
        """Read one file as a folder's declaration; None if it asks for nothing."""
        read = read_requirements(tree, path)
        if not (read.wanted or read.itself or read.local):
            return None
        source = Source(self, folder, read.files, path, read.wanted, local=read.local, itself=read.itself)
        hashed, by_text = read.hashed and read.readable, not read.readable
        return replace(source, hashed=hashed, own_extras=read.own_extras, by_text=by_text)

    def installed(self, tree: Tree, text: str) -> list[Source]:
        """Return the production files with names of their own that a command installs, or their lock."""
        found = []
        for name in INSTALLED.findall(text):
            path = _place(tree, name)
            if not path or path.endswith((PLAIN, LOCK)) or DEVELOPMENT.search(path.rpartition("/")[2]):
                continue
            folder = folder_of(path)
            folder = folder_of(folder) if folder.endswith("requirements") else folder
            lock = join(folder, LOCK)
            made_from = {join(folder, one) for one in resolved_from(tree.text(lock) or "") or ()}
            found.append(self.read_file(tree, folder, lock if path in made_from else path))
        return list(filter(None, found))

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        return _from_text(source, extras, groups) if source.by_text else _from_file(source)


class Pyproject(Tool):
    """A pyproject.toml without a lock."""

    kind = "pyproject"
    name = "uv"
    python = ("pyproject.toml", "project", "requires-python")
    mention = r"pip3?\s+install\s+[^&;]*(-e\s+)?\.(\[|\s|$)"

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        """Return the command that installs the declaration; uv does not read other tools' tables."""
        if source.by_text:
            return _from_text(source, extras, groups)
        options = [*asked("--extra", extras), *asked("--group", groups)]
        return [*UV_INSTALL, "--requirement", "pyproject.toml", *options]


def _from_text(source: Source, extras: Names, groups: Names) -> list[str]:
    items = (*source.wanted, *source.selected([*extras, *groups]))
    return [*UV_INSTALL, *dict.fromkeys(item.text for item in items if item.name not in source.folders)]


def _from_file(source: Source) -> list[str]:
    path, folder = source.files[0], source.folder
    name = path if folder == "." else path[len(folder) + 1 :]
    hashes = ["--require-hashes"] if source.hashed and not source.has_repository else []
    return [*UV_INSTALL, "--requirement", name, *hashes]


def _place(tree: Tree, name: str) -> str:
    """Return the tree's only file that an image's path can be a copy of, `""` without one."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    files = tree.named(parts[-1])
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    fits = ([f for f in files if f == tail or f.endswith(f"/{tail}")] for tail in tails)
    return next((few[0] for few in fits if len(few) == 1), "")


def _chosen(tree: Tree, folder: str) -> list[str]:
    inner = join(folder, "requirements")
    names = [f for f in tree.listing(folder) if REQUIREMENTS.search(f)] + tree.listing(inner)
    names = [n for n in names if n.endswith((".txt", ".lock"))]
    plain = [n for n in (join(folder, PLAIN), join(folder, LOCK)) if n in names]
    if len(plain) == 2 and read_requirements(tree, plain[1]).wanted:
        return [plain[1]]  # requirements.lock is resolved from requirements.txt
    others = [n for n in names if n not in plain and not DEVELOPMENT.search(n.rpartition("/")[2])]
    production = [n for n in others if PRODUCTION.search(n.rpartition("/")[2])]
    explicit = [n for n in production if re.search("prod", n.rpartition("/")[2], re.I)]
    return plain or explicit or production or others
