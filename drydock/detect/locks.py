"""Read lock files into one form: packages, what they depend on, and the wheels that exist for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

from drydock.detect.requirements import wanted
from drydock.detect.tree import MAX_LOCK, Tree, parse_json, strings, table

LOCKS = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
    "pylock.toml": "pylock",
}


@dataclass(frozen=True)
class Locked:
    """A locked distribution: `depends` holds (name, marker), `wheels` the file names that the lock has."""

    name: str
    version: str
    depends: tuple[tuple[str, str], ...]
    wheels: tuple[str, ...]
    sdist: bool
    local: bool = False
    repository: bool = False


@dataclass(frozen=True)
class Lock:
    """A lock file; `python` is the range it was made for, `main` the names it marks as production."""

    kind: str
    path: str
    python: str
    packages: dict[str, Locked]
    main: frozenset[str]


def read_lock(tree: Tree, path: str) -> Lock | None:
    """Return a lock file, None when it is missing or is no lock."""
    kind = LOCKS.get(path.rpartition("/")[2], "")
    if kind == "pipenv":
        return _pipenv(path, parse_json(tree.text(path, MAX_LOCK) or ""))
    data = tree.toml(path, MAX_LOCK)
    if not kind or not data:
        return None
    rows = data.get("packages" if kind == "pylock" else "package")
    packages = [p for p in rows if isinstance(p, dict)] if isinstance(rows, list) else []
    read = {"uv": _uv, "poetry": _poetry, "pdm": _pdm, "pylock": _pylock}[kind]
    old_files = table(data, "metadata", "files")
    found: dict[str, Locked] = {}
    main: set[str] = set()
    for row in packages:
        if not isinstance(row.get("name"), str):
            continue
        item = read(row, old_files)
        found[item.name] = item if item.name not in found else _merged(found[item.name], item)
        if _is_main(row):
            main.add(item.name)
    return Lock(kind, path, _python(kind, data), found, frozenset(main))


def closure(lock: Lock, names: set[str], python: str) -> set[str]:
    """Return the locked packages that `names` lead to on Linux with a Python version such as `3.13`."""
    environment = linux(python)
    pending = list(names)
    found: set[str] = set()
    while pending:
        item = lock.packages.get(pending.pop())
        if item is None or item.name in found:
            continue
        found.add(item.name)
        pending += [name for name, marker in item.depends if holds(marker, environment)]
    return found


def linux(python: str) -> dict[str, str]:
    """Return the marker environment of CPython `python` on 64-bit Linux."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "implementation_version": f"{python}.0",
        "extra": "",
        "platform_release": "",
        "platform_version": "",
    }


def holds(marker: str, environment: dict[str, str]) -> bool:
    """Tell whether a marker holds; one that cannot be read is taken to hold."""
    if not marker:
        return True
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
        return True


def _merged(one: Locked, other: Locked) -> Locked:
    return Locked(
        one.name,
        one.version,
        one.depends + other.depends,
        one.wheels + other.wheels,
        one.sdist or other.sdist,
        one.local,
        one.repository or other.repository,
    )


def _is_main(row: dict[str, Any]) -> bool:
    groups = strings(row.get("groups"))
    return bool({"main", "default"} & set(groups)) or row.get("category") == "main"


def _python(kind: str, data: dict[str, Any]) -> str:
    value = {
        "uv": data.get("requires-python"),
        "pylock": data.get("requires-python"),
        "poetry": table(data, "metadata").get("python-versions"),
        "pdm": (data.get("metadata") or {}).get("requires_python")
        if isinstance(data.get("metadata"), dict)
        else None,
    }[kind]
    return value if isinstance(value, str) else ""


def _name(row: dict[str, Any]) -> str:
    return str(canonicalize_name(row["name"]))


def _version(row: dict[str, Any]) -> str:
    version = row.get("version")
    return version if isinstance(version, str) else ""


def _files(rows: object, *keys: str) -> tuple[str, ...]:
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            value = next((row[k] for k in keys if isinstance(row.get(k), str)), "")
            found.append(value.rpartition("/")[2])
    return tuple(f for f in found if f)


def _uv(row: dict[str, Any], _: dict[str, Any]) -> Locked:
    rows = row.get("dependencies")
    depends = _edges(rows)
    extras = table(row.get("optional-dependencies"))
    asked = {
        e
        for d in (rows if isinstance(rows, list) else [])
        if isinstance(d, dict)
        for e in strings(d.get("extra"))
    }
    source = table(row.get("source"))
    local = bool({"virtual", "editable", "directory"} & set(source))
    for name, rows_of_extra in extras.items():
        # The project's own extras are chosen by hand; those of other packages were asked for by somebody.
        if (not local or name in asked) and isinstance(rows_of_extra, list):
            depends += _edges(rows_of_extra)
    sdist = isinstance(row.get("sdist"), dict)
    wheels = _files(row.get("wheels"), "url", "filename", "path")
    return Locked(_name(row), _version(row), depends, wheels, sdist, local, "git" in source)


def _edges(rows: object) -> tuple[tuple[str, str], ...]:
    return tuple(
        (str(canonicalize_name(row["name"])), row["marker"] if isinstance(row.get("marker"), str) else "")
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("name"), str)
    )


def _poetry(row: dict[str, Any], old_files: dict[str, Any]) -> Locked:
    depends = []
    for name, spec in table(row.get("dependencies")).items():
        specs = spec if isinstance(spec, list) else [spec]
        marks = [s.get("markers", "") if isinstance(s, dict) else "" for s in specs]
        optional = all(isinstance(s, dict) and s.get("optional") for s in specs)
        if not optional or not any("extra ==" in str(m) for m in marks):
            depends.append((str(canonicalize_name(name)), marks[0] if isinstance(marks[0], str) else ""))
    files = _files(row.get("files") or old_files.get(row["name"]), "file")
    wheels = tuple(f for f in files if f.endswith(".whl"))
    kind = table(row.get("source")).get("type")
    return Locked(
        _name(row),
        _version(row),
        tuple(depends),
        wheels,
        len(wheels) < len(files),
        kind == "directory",
        kind == "git",
    )


def _pdm(row: dict[str, Any], old_files: dict[str, Any]) -> Locked:
    items = [wanted(text, "") for text in strings(row.get("dependencies"))]
    depends = tuple((item.name, item.marker) for item in items if item)
    old = next((v for k, v in old_files.items() if k.split(" ")[0] == row["name"]), None)
    files = _files(row.get("files") or old, "file", "url")
    wheels = tuple(f for f in files if f.endswith(".whl"))
    return Locked(
        _name(row), _version(row), depends, wheels, len(wheels) < len(files), "path" in row, "git" in row
    )


def _pylock(row: dict[str, Any], _: dict[str, Any]) -> Locked:
    wheels = _files(row.get("wheels"), "name", "url", "path")
    return Locked(
        _name(row),
        _version(row),
        (),
        wheels,
        isinstance(row.get("sdist"), dict),
        "directory" in row,
        "vcs" in row,
    )


def _pipenv(path: str, data: dict[str, Any]) -> Lock | None:
    rows = table(data, "default")
    if not rows:
        return None
    found = {}
    for name, row in rows.items():
        version = row.get("version", "") if isinstance(row, dict) else ""
        item = Locked(
            str(canonicalize_name(name)),
            str(version).lstrip("="),
            (),
            (),
            True,
            False,
            isinstance(row, dict) and "git" in row,
        )
        found[item.name] = item
    requires = table(data, "_meta", "requires")
    python = requires.get("python_version") or ".".join(
        str(requires.get("python_full_version", "")).split(".")[:2]
    )
    exact = f"=={python}.*" if isinstance(python, str) and re.fullmatch(r"3\.\d+", python) else ""
    return Lock("pipenv", path, exact, found, frozenset(found))
