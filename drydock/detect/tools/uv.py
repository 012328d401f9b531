"""uv: `uv.lock` beside a pyproject.toml, for one project or a workspace."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from drydock.detect.locks import Locked
from drydock.detect.model import Dependencies
from drydock.detect.requirements import ARCHIVES
from drydock.detect.tools.base import (
    Names,
    Parts,
    Rows,
    RowsReader,
    Source,
    Step,
    Tool,
    Upgrade,
    asked,
    dicts,
    files_of,
    name_of,
    read_list,
    version_of,
)
from drydock.detect.tree import Tree, decode, folder_of, join, parents, parse_toml, read_bounded, strings
from drydock.project.lock import uv_sources
from drydock.toml import table


class Uv(RowsReader, Tool):
    """uv reads its own lock, and can leave out the project's own folders."""

    kind = "uv"
    name = "uv"
    lock = "uv.lock"
    mention = r"\buv\s+sync\b|uv\.lock"
    has_manifest = True

    def locking(self, tree: Tree, upgrade: Upgrade) -> list[list[str]]:
        """Return `uv lock`, which keeps the lock's versions by default."""
        every = ["--upgrade"] if upgrade.all else []
        return [["uv", "lock", *every, *asked("--upgrade-package", upgrade.names)]]

    def above(self, root: Path) -> Path | None:
        """Return the folder of the workspace that has `root` as a member."""
        if (Path(root) / self.lock).exists():
            return None
        for folder in parents(root):
            data = parse_toml(decode(read_bounded(folder / "pyproject.toml", 1_000_000)) or "")
            inner = os.path.relpath(os.path.realpath(root), folder)
            if (folder / self.lock).is_file() and _counts(table(data, "tool", "uv", "workspace"), inner):
                return folder
        return None

    def package(self, row: Rows, old_files: Rows) -> Locked:
        rows = dicts(row.get("dependencies"))
        depends = _edges(rows)
        asked_for = {extra for item in rows for extra in strings(item.get("extra"))}
        source = table(row.get("source"))
        kinds = ("virtual", "editable", "directory")
        local = next((str(source[kind]) for kind in kinds if kind in source), "")
        for name, of_extra in table(row.get("optional-dependencies")).items():
            # The user chooses the project's own extras; a dependency asked for those of other packages.
            if not local or name in asked_for:
                depends += _edges(dicts(of_extra))
        wheels = files_of(row.get("wheels"), "url", "filename", "path")
        more, git, file = isinstance(row.get("sdist"), dict), "git" in source, str(source.get("path", ""))
        return Locked(name_of(row), version_of(row), depends, wheels, more, local, git, file)

    def sources(self, tree: Tree, folder: str, manifest: Source | None) -> list[Source]:
        """Return a folder's lock, or that of the workspace above which has it as a member."""
        if manifest is None:
            return []
        if own := super().sources(tree, folder, manifest):
            files = (*own[0].files, *_members(tree, folder))
            return [replace(own[0], files=tuple(dict.fromkeys(files)))]
        above = folder
        while above != ".":
            above = folder_of(above)
            path, members = join(above, self.lock), _members(tree, above)
            name = table(tree.toml(join(folder, "pyproject.toml")), "project").get("name")
            lock = self.read(tree, path) if join(folder, "pyproject.toml") in members else None
            if lock and isinstance(name, str):
                top = replace(manifest, files=(join(above, "pyproject.toml"),))
                return [self.locked(lock, above, top, (path, *members), name)]
        return []

    def parts(self, tree: Tree, path: str, data: Rows) -> Parts:
        rows = table(data, "tool", "uv").get("dev-dependencies")
        groups = {"dev": read_list(tree, path, rows)} if isinstance(rows, list) else {}
        named = [join(folder_of(path), inner) for _, inner in _paths(data) if inner.endswith(ARCHIVES)]
        return Parts(groups=groups, files=tuple(file for file in named if tree.exists(file)))

    def local(self, tree: Tree, folder: str, data: Rows) -> Mapping[str, str]:
        """Return the folders in [tool.uv.sources], including workspace members."""
        manifests = {path: table(tree.toml(path), "project") for path in _members(tree, folder)}
        members = {str(own.get("name", "")): folder_of(path) for path, own in manifests.items()}
        workspace = {name: "" for name, row in uv_sources(data) if row.get("workspace")}
        return workspace | members | {name: join(folder, path) for name, path in _paths(data)}

    def repositories(self, data: Rows) -> set[str]:
        return {name for name, row in uv_sources(data) if "git" in row}

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        words = ["uv", "sync", "--frozen", "--no-default-groups"]
        words += [] if itself else ["--no-install-project"]
        if source.lock and any(file.endswith(ARCHIVES) for file in source.files):
            # --no-install-local would leave out the archives as well.
            local = sorted(package.name for package in source.lock.packages.values() if package.local)
            words += [f"--no-install-package={name}" for name in local]
        words += ["--package", source.package] if source.package else []
        return [*words, *asked("--extra", extras), *asked("--group", groups)]

    def steps(self, found: Dependencies, step: Step) -> list[str]:
        """Sync the environment with the lock, without the project's own folders."""
        options = [part for part in found.install[2:] if not part.startswith(("--no-", "--frozen"))]
        folders = [part for part in found.install if part.startswith("--no-install-package=")]
        left = " ".join(folders) if found.archives else "--no-install-local"
        sync = f"uv sync --project={step.at} --python=python3 --frozen {left} --no-default-groups"
        return [" ".join([step.download, sync, *options])]

    def test_requirements(self, found: Dependencies, step: Step, lock: str) -> str:
        words = f"uv export --quiet --project={step.at} --frozen --no-emit-local --all-groups"
        return f"{words} --output-file={lock}"


def _paths(data: Rows) -> list[tuple[str, str]]:
    """Return the paths of [tool.uv.sources], each with its distribution."""
    return [(name, path) for name, row in uv_sources(data) if isinstance(path := row.get("path"), str)]


def _edges(rows: list[Rows]) -> tuple[tuple[str, str], ...]:
    named = (row for row in rows if isinstance(row.get("name"), str))
    return tuple((name_of(row), m if isinstance(m := row.get("marker"), str) else "") for row in named)


def _members(tree: Tree, folder: str) -> list[str]:
    """Return the pyproject.toml of every member of the workspace in a folder."""
    workspace = table(tree.toml(join(folder, "pyproject.toml")), "tool", "uv", "workspace")
    if not strings(workspace.get("members")):
        return []
    inner = {
        path: folder_of(path) if folder == "." else folder_of(path)[len(folder) + 1 :]
        for path in tree.named("pyproject.toml")
        if folder == "." or path.startswith(f"{folder}/")
    }
    return sorted(path for path, below in inner.items() if _counts(workspace, below))


def _counts(workspace: Rows, inner: str) -> bool:
    """Tell whether a workspace has a folder below it as a member."""

    def any_of(key: str) -> bool:
        return any(fnmatch.fnmatchcase(inner, join(pattern)) for pattern in strings(workspace.get(key)))

    return any_of("members") and not any_of("exclude")
