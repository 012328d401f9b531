"""Poetry: `poetry.lock`, and its own table of dependencies, converted to requirements for uv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from drydock.detect.locks import Locked
from drydock.detect.requirements import ARCHIVES, versions, wanted
from drydock.detect.tools.base import (
    UV_TOOL,
    About,
    Exporting,
    Items,
    Names,
    Parts,
    Rows,
    RowsReader,
    Source,
    Upgrade,
    asked,
    files_of,
    name_of,
    version_of,
)
from drydock.detect.tree import Tree, join, line_of, strings
from drydock.toml import table


class Poetry(RowsReader, Exporting):
    """Poetry prints its lock as requirements, with a plug-in."""

    kind = "poetry"
    name = "poetry"
    lock = "poetry.lock"
    made_for = ("metadata", "python-versions")
    python = ("pyproject.toml", "tool", "poetry", "dependencies", "python")
    mention = r"\bpoetry\s+(install|export|sync)\b"
    has_manifest = True
    settings = MappingProxyType({"POETRY_VIRTUALENVS_CREATE": "0", "POETRY_NO_INTERACTION": "1"})
    place = "--directory=/locks"
    everything = "--all-groups"

    def locking(self, tree: Tree, upgrade: Upgrade) -> list[list[str]]:
        """Return `poetry lock`, which keeps the lock's versions by default."""
        words = ["poetry"]
        if upgrade.names and tree.exists(self.lock):
            # `update` keeps the other versions, but ignores a changed declaration.
            return [[*words, "lock"], [*words, "update", "--lock", *upgrade.names]]
        return [[*words, "lock", *(["--regenerate"] if upgrade.all else [])]]

    def package(self, row: Rows, old_files: Rows) -> Locked:
        depends = []
        for name, spec in table(row.get("dependencies")).items():
            specs = spec if isinstance(spec, list) else [spec]
            marks = [str(s.get("markers", "")) if isinstance(s, dict) else "" for s in specs]
            optional = all(isinstance(s, dict) and s.get("optional") for s in specs)
            if not optional or not any("extra ==" in mark for mark in marks):
                depends.append((str(canonicalize_name(name)), marks[0] if marks else ""))
        files = files_of(row.get("files") or old_files.get(row["name"]), "file")
        wheels = tuple(f for f in files if f.endswith(".whl"))
        source = table(row.get("source"))
        kind = source.get("type")
        file, local = (str(source.get("url", "")) if kind == one else "" for one in ("file", "directory"))
        git, more = kind == "git", len(wheels) < len(files)
        return Locked(name_of(row), version_of(row), tuple(depends), wheels, more, local, git, file)

    def parts(self, tree: Tree, path: str, data: Rows) -> Parts:
        """Return Poetry's own table: the groups, and the dependencies if [project] has none."""
        own, project = table(data, "tool", "poetry"), table(data, "project")
        rows = table(own, "dependencies")
        listed = {str(name): table(group, "dependencies") for name, group in table(own, "group").items()}
        if table(own, "dev-dependencies"):
            listed["dev"] = table(own, "dev-dependencies")
        groups = {name: items(tree, path, found) for name, found in listed.items()}
        if "dependencies" in project:  # then Poetry's table only adds sources to some of them
            return Parts(groups=groups)
        if "dependencies" in strings(project.get("dynamic")):
            return Parts(items(tree, path, rows), groups=groups)
        by_name = {item.name: item for item in items(tree, path, rows)}
        extras = {
            str(extra): tuple(
                by_name[c] for n in strings(names) if (c := str(canonicalize_name(n))) in by_name
            )
            for extra, names in table(own, "extras").items()
        }
        needed = {name: spec for name, spec in rows.items() if not table(spec).get("optional")}
        return Parts(items(tree, path, needed), extras, groups)

    def declares_alone(self, data: Rows) -> bool:
        return "project" not in data and bool(table(data, "tool", "poetry"))

    def about(self, data: Rows) -> About:
        own = table(data, "tool", "poetry")
        named = [own.get("readme"), own.get("license"), table(own, "build").get("script")]
        files = [text for one in named for text in ([one] if isinstance(one, str) else strings(one))]
        return About(str(own.get("name", "")), tuple(files), bool(table(own, "plugins")))

    def local(self, tree: Tree, folder: str, data: Rows) -> Mapping[str, str]:
        own = table(data, "tool", "poetry")
        tables = [table(one, "dependencies") for one in (own, *table(own, "group").values())]
        rows = [(name, table(spec).get("path")) for one in tables for name, spec in one.items()]
        return {name: join(folder, path) for name, path in rows if isinstance(path, str)}

    def export(self, source: Source, extras: Names, groups: Names) -> list[str]:
        """Return `poetry export`; a repository has no hash, and pip wants all hashes or none."""
        words = [*UV_TOOL, "--with", "poetry-plugin-export", "poetry", "export"]
        words += ["--format", "requirements.txt"]
        packages = source.lock.packages.values() if source.lock else ()
        unhashed = ["--without-hashes"] if any(p.repository for p in packages) else []
        return [*words, *asked("--extras", extras), *asked("--with", groups), *unhashed]


def items(tree: Tree, path: str, rows: Rows) -> Items:
    """Return the requirements of a table in Poetry's or Pipenv's syntax."""
    text = tree.text(path) or ""
    found = []
    for name, spec in rows.items():
        if name.lower() != "python":
            where = f"{path}:{line_of(text, chr(10) + name) + 1}"
            found += [wanted(requirement, where) for requirement in requirements(name, spec)]
    return tuple(item for item in found if item)


def requirements(name: str, spec: object) -> Iterator[str]:
    """Convert one entry of `[tool.poetry.dependencies]` to requirements."""
    for item in spec if isinstance(spec, list) else [spec]:
        details = item if isinstance(item, dict) else {"version": item}
        yield _requirement(name, details)


def _requirement(name: str, details: dict[str, Any]) -> str:
    extras = f"[{','.join(strings(details.get('extras')))}]" if details.get("extras") else ""
    if isinstance(url := details.get("git"), str):
        at = next((str(details[key]) for key in ("rev", "tag", "branch", "ref") if key in details), "")
        wanted = f"{name}{extras} @ git+{url}" + (f"@{at}" if at else "")
    elif isinstance(url := details.get("url"), str):
        wanted = f"{name}{extras} @ {url}"
    elif isinstance(path := details.get("path"), str) and path.endswith(ARCHIVES):
        wanted = f"{name}{extras} @ {path if path.startswith('.') else f'./{path}'}"
    else:
        wanted = f"{name}{extras}{versions(str(details.get('version') or '*'))}"
    marker = _marker(details)
    return f"{wanted} ; {marker}" if marker else wanted


def _marker(details: dict[str, Any]) -> str:
    found = [text] if isinstance(text := details.get("markers"), str) else []
    python = versions(str(details["python"])) if "python" in details else ""
    found += [f"python_full_version {one.operator} '{one.version}'" for one in SpecifierSet(python)]
    if isinstance(platform := details.get("platform"), str):
        found.append(f"sys_platform == '{platform}'")
    return " and ".join(f"({text})" if len(found) > 1 else text for text in found)
