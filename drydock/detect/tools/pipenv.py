"""Pipenv: `Pipfile` and `Pipfile.lock`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.utils import canonicalize_name

from drydock.detect.locks import Lock, Locked
from drydock.detect.model import Dependencies, Found
from drydock.detect.tools.base import UV_TOOL, Exporting, Source, Step
from drydock.detect.tree import MAX_LOCK, Tree, join, parse_json, parse_toml, table

MANIFEST = "Pipfile"


class Pipenv(Exporting):
    """Pipenv prints its lock as requirements."""

    kind = "pipenv"
    name = "pipenv"
    lock = "Pipfile.lock"
    mention = r"\bpipenv\s+(install|sync|requirements)\b"
    everything = "--dev"

    def read(self, tree: Tree, path: str) -> Lock | None:
        """Return Pipfile.lock, which is JSON and tells neither edges nor wheels."""
        data = parse_json(tree.text(path, MAX_LOCK) or "")
        found = {}
        for name, value in table(data, "default").items():
            row = value if isinstance(value, dict) else {}
            canonical = str(canonicalize_name(name))
            version = str(row.get("version", "")).lstrip("=")
            found[canonical] = Locked(canonical, version, (), (), True, False, "git" in row)
        requires = table(data, "_meta", "requires")
        full = ".".join(str(requires.get("python_full_version", "")).split(".")[:2])
        python = str(requires.get("python_version") or full)
        exact = f"=={python}.*" if re.fullmatch(r"3\.\d+", python) else ""
        return Lock(path, exact, found, frozenset(found)) if found else None

    def beside(self, folder: str) -> tuple[str, ...]:
        return (join(folder, MANIFEST),)

    def pythons(self, tree: Tree, folder: str) -> Iterator[Found[str]]:
        path = join(folder, MANIFEST)
        version = table(parse_toml(tree.text(path) or ""), "requires").get("python_version")
        if isinstance(version, str) and re.fullmatch(r"3\.\d+", version):
            yield Found(f"=={version}.*", f"{path} [requires] python_version")

    def export(self, source: Source, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
        return [*UV_TOOL, "pipenv", "requirements", "--hash"]

    def printed(self, found: Dependencies, step: Step, *more: str) -> str:
        """Return the command that prints requirements; Pipenv has no option for the folder."""
        return f"PIPENV_PIPFILE={step.at}/{MANIFEST} {super().printed(found, step, *more)}"
