"""Pipenv: `Pipfile` and `Pipfile.lock`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from drydock.detect.locks import Lock, Locked
from drydock.detect.model import Dependencies
from drydock.detect.requirements import ARCHIVES
from drydock.detect.tools.base import UV_TOOL, Exporting, Names, Rows, Source, Step, Upgrade
from drydock.detect.tools.pip import Requirements
from drydock.detect.tools.poetry import items
from drydock.detect.tree import MAX_LOCK, Tree, join, parse_json
from drydock.toml import table


class Pipenv(Exporting):
    """Pipenv prints its lock as requirements."""

    kind = "pipenv"
    name = "pipenv"
    lock = "Pipfile.lock"
    manifest = "Pipfile"
    python = (manifest, "requires", "python_version")
    mention = r"\bpipenv\s+(install|sync|requirements)\b"
    settings = MappingProxyType({"PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_YES": "1", "PIPENV_NOSPIN": "1"})
    everything = "--dev"

    def governs(self, tree: Tree) -> bool:
        return tree.exists(self.manifest)

    def sources(self, tree: Tree, folder: str, manifest: Source | None) -> list[Source]:
        """Return the lock's declaration, else that of the Pipfile, as text that uv reads."""
        if locked := super().sources(tree, folder, manifest):
            return locked
        path = join(folder, self.manifest)
        data = tree.toml(path) or {}
        rows = {name: spec for name, spec in table(data, "packages").items() if not table(spec).get("path")}
        own = items(tree, path, rows)
        where, reader = f"{path} [packages]", self.name
        source = Source(Requirements(), folder, (path,), where, own, by_text=True, reader=reader)
        return [source] if own else []

    def locking(self, tree: Tree, upgrade: Upgrade) -> list[list[str]]:
        """Return `pipenv upgrade` for the declarations that the lock does not meet.

        `pipenv lock` would take the newest version of everything. Pipenv upgrades a package together with
        its dependencies; only `--upgrade` removes packages that are no longer declared.
        """
        if upgrade.all or not tree.exists(self.lock):
            return [["pipenv", "lock"]]
        manifest, lock = tree.toml(self.manifest), parse_json(tree.text(self.lock, MAX_LOCK) or "")
        found = []
        for section, locked, option in (("packages", "default", []), ("dev-packages", "develop", ["--dev"])):
            rows = table(lock, locked)
            names = [name for name, spec in table(manifest, section).items() if not _holds(rows, name, spec)]
            names += [name for name in upgrade.names if name in rows and name not in names]
            found += [["pipenv", "upgrade", "--lock-only", *option, *names]] if names else []
        return found

    def read(self, tree: Tree, path: str) -> Lock | None:
        """Read Pipfile.lock, which is JSON and has neither dependencies nor wheels."""
        data = parse_json(tree.text(path, MAX_LOCK) or "")
        found = {}
        for name, value in table(data, "default").items():
            row = value if isinstance(value, dict) else {}
            canonical = str(canonicalize_name(name))
            version = str(row.get("version", "")).lstrip("=")
            place = str(row.get("path", ""))
            file, local = (place, "") if place.endswith(ARCHIVES) else ("", place)
            found[canonical] = Locked(canonical, version, (), (), True, local, "git" in row, file)
        requires = table(data, "_meta", "requires")
        full = ".".join(str(requires.get("python_full_version", "")).split(".")[:2])
        python = str(requires.get("python_version") or full)
        exact = f"=={python}.*" if re.fullmatch(r"3\.\d+", python) else ""
        return Lock(path, exact, found, frozenset(found)) if found else None

    def local(self, tree: Tree, folder: str, data: Rows) -> Mapping[str, str]:
        rows = {**table(data, "packages"), **table(data, "dev-packages")}
        paths = {name: table(row).get("path") for name, row in rows.items()}
        return {name: join(folder, path) for name, path in paths.items() if isinstance(path, str)}

    def export(self, source: Source, extras: Names, groups: Names) -> list[str]:
        return [*UV_TOOL, "pipenv", "requirements", "--hash"]

    def printed(self, found: Dependencies, step: Step, *more: str) -> str:
        """Return the command that prints requirements; Pipenv has no option for the folder."""
        return f"PIPENV_PIPFILE={step.at}/{self.manifest} {super().printed(found, step, *more)}"


def _holds(rows: Rows, name: str, spec: object) -> bool:
    """Tell whether a section of the lock has a version that the Pipfile allows."""
    row = rows.get(str(canonicalize_name(name)), rows.get(name))
    if not isinstance(row, dict):
        return False
    asked_for = spec if isinstance(spec, str) else table(spec).get("version", "*")
    version = str(row.get("version", "")).lstrip("=")
    if not version or not isinstance(asked_for, str) or asked_for == "*":
        return True
    try:
        return SpecifierSet(asked_for).contains(version, prereleases=True)
    except InvalidSpecifier:
        return False
