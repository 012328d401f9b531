"""Find the application's lock file, and compare it with the requirements that it was made from."""

import codecs
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from drydock import toml
from drydock.project import ignore as dockerignore
from drydock.project.errors import LockMissing, LockStale
from drydock.project.model import LOCK_FILES, Project

# Each is made from the pyproject.toml or Pipfile beside it.
TOOLS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
# A lock file that `drydock init` made begins with the command that made it.
OWN_REMAKE = re.compile(r"\A(?:#.*\n)*?#\s+(?P<command>(?:printf .* \| )?uv pip compile .*)$", re.MULTILINE)

# A pinned version, or an address; and a wheel of the project, which uv writes by its path.
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?(?:==([^\s;\\]+)|\s*@\s)", re.MULTILINE)
WHEEL = re.compile(r"^(?:[^\s:@]*/)?([A-Za-z0-9][\w.]*)-(\d[^\s/-]*)-[^\s/]+\.whl(?=\s|$)", re.MULTILINE)


def find(project: Project) -> Path:
    """Return the lock file that the Dockerfile installs from: the configured one, else uv.lock first."""
    path = candidate(project)
    if path is None:
        names = ", ".join([project.lock] if project.lock else LOCK_FILES)
        raise LockMissing(source=project.source, looked_for=names, root=shown(project.root))
    text = path.read_text(encoding="utf-8")
    pinned = pins(path.name, text)
    manifest, wanted = declared(project.source, text, path.name)
    if pinned and (mismatch := mismatches(wanted, pinned, project.python)):
        differs = ", ".join(mismatch)
        raise LockStale(lock=path, manifest=manifest, mismatch=differs, root=shown(project.root))
    return path


def shown(root: Path) -> str:
    """Return a folder as a person here would type it."""
    relative = os.path.relpath(root)
    return str(root) if relative.startswith(os.pardir) else relative


def candidate(project: Project) -> Path | None:
    """Return the lock file that reaches the build; a uv.lock that .dockerignore excludes does not."""
    usual = [(project.source / name).relative_to(project.root).as_posix() for name in LOCK_FILES]
    paths = [project.lock] if project.lock else usual
    hidden = dockerignore.excluded(dockerignore.read(project.ignore), paths)
    found = (project.root / path for path in paths if path not in hidden)
    return next((path for path in found if path.is_file()), None)


def pins(kind: str, text: str, section: str = "default") -> dict[str, str]:
    """Return a lock file's versions by canonical name; empty for a file that is not a lock.

    `section` is one of Pipfile.lock.
    """
    if kind == "Pipfile.lock":
        packages = json.loads(text).get(section, {}).items()
        return {canonicalize_name(name): str(row.get("version", "")).lstrip("=") for name, row in packages}
    if kind == "pylock.toml" or (kind.endswith(".lock") and "requirements" not in kind):
        table = toml.parse(text, kind)
        rows = table.get("package") or table.get("packages") or []
        return {canonicalize_name(row["name"]): row.get("version", "") for row in rows}
    return requirements_pins(text) if kind.endswith(".lock") or "--hash=" in text else {}


def requirements_pins(text: str) -> dict[str, str]:
    """Return a requirements file's exact versions by canonical name; empty ones for addresses."""
    found = PIN.findall(text) + WHEEL.findall(text)
    return {canonicalize_name(name): version for name, version in found}


def tests_have(project: Project, name: str) -> bool:
    """Tell whether the test image's lock has a distribution for the tests."""
    path = candidate(project)
    if path is None or path.name != "uv.lock":
        path = project.source / "requirements-test.lock"
        return path.is_file() and name in requirements_pins(path.read_text(encoding="utf-8"))
    # Extras are locked too, but only the groups and the dependencies are installed.
    own = ({"virtual": "."}, {"editable": "."})
    rows = [row for row in toml.read(path).get("package", []) if row.get("source") in own]
    wanted = [
        each
        for row in rows
        for part in (row.get("dependencies", []), *row.get("dev-dependencies", {}).values())
        for each in part
    ]
    return any(canonicalize_name(each["name"]) == name for each in wanted)


def encoding(data: bytes) -> str:
    """Return a text's encoding: UTF-8 unless a byte-order mark names another, as of PowerShell's `>`."""
    # UTF-32's mark begins with UTF-16's.
    for name, marks in (
        ("utf-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
        ("utf-16", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    ):
        if data.startswith(marks):
            return name
    return "utf-8-sig"


def declared(source: Path, lock: str = "", kind: str = "") -> tuple[str, list[str]]:
    """Return the manifest's name and the requirements that it declares."""
    own = OWN_REMAKE.search(lock)
    from_plain = bool(own and re.search(r"\srequirements\.txt(\s|$)", own["command"]))
    manifest = source / "pyproject.toml"
    table = toml.read(manifest)
    plain = source / "requirements.txt"
    listed = table.get("project", {}).get("dependencies")
    if kind in TOOLS:
        return manifest.name, listed or []
    if not plain.is_file() or (listed is not None and not from_plain):
        unnamed = _unnamed(table)
        return manifest.name, [text for text in listed or [] if _name(text) not in unnamed]
    data = plain.read_bytes()
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in data.decode(encoding(data)).splitlines())
    # The build itself checks an option, an address or an included file.
    return plain.name, [line for line in lines if re.fullmatch(r"[A-Za-z0-9][^\\@/]*", line)]


def uv_sources(manifest: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the rows of [tool.uv.sources]; a distribution may have one for each platform."""
    for name, given in toml.table(manifest, "tool", "uv", "sources").items():
        rows = given if isinstance(given, list) else [given]
        yield from ((name, row) for row in rows if isinstance(row, dict))


def _unnamed(manifest: Mapping[str, Any]) -> set[str]:
    """Return the distributions that uv takes from a folder or a source archive: a lock names neither."""
    places = ((name, row, str(row.get("path", ".whl"))) for name, row in uv_sources(manifest))
    return {_name(name) for name, row, path in places if "workspace" in row or not path.endswith(".whl")}


def _name(text: str) -> str:
    return canonicalize_name(re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0])


def resolved_from(text: str) -> list[str] | None:
    """Return the files that a lock was resolved from, relative to its folder; None if it names none."""
    if not (own := OWN_REMAKE.search(text)):
        return None
    words = shlex.split(own["command"])
    return [word for word in words if word.endswith((".txt", ".toml", ".in")) and not word.startswith("-")]


def linux(python: str, machine: str = "x86_64") -> dict[str, str]:
    """Return the marker environment of CPython `python`, such as `3.13`, on Linux."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "implementation_version": f"{python}.0",
        "extra": "",
        "platform_release": "",
        "platform_version": "",
    }


def mismatches(wanted: Iterable[str], pins: Mapping[str, str], python: str) -> list[str]:
    """Describe each requirement that the pins do not meet."""
    found = []
    for text in wanted:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            found.append(f"{text!r} is not a requirement")
            continue
        if requirement.marker and not requirement.marker.evaluate(linux(python)):
            continue
        pinned = pins.get(canonicalize_name(requirement.name))
        if pinned is None:
            found.append(f"{requirement.name} is not in it")
        elif pinned and not requirement.specifier.contains(pinned, prereleases=True):
            found.append(f"{requirement.name} {pinned} is not {requirement.specifier}")
    return found
