"""Read a project's configuration, ``[tool.drydock]`` or drydock.toml, and complete it by findings."""

import configparser
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from drydock import toml
from drydock.nearest import choices
from drydock.project.errors import NoProject
from drydock.project.model import DEFAULT_BUDGETS, TARGETS, UNDECLARED, Growth, Project, Settings

# Takes the folder and the configured keys; returns values by key.
Find = Callable[[Path, Mapping[str, Any]], Mapping[str, Any]]

FILE = "drydock.toml"
# Files at the top of a project without a configuration.
MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile", "Dockerfile")
PACKAGES = "write names such as git or libpq5, with commas or blanks between"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*\??")


def _packages(text: object) -> str:
    for name in re.split(r"[\s,]+", text) if isinstance(text, str) else [str(text)]:
        if name and not _PACKAGE.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a Debian package")
    return str(text)


def _volumes(paths: object) -> tuple[str, ...]:
    if not isinstance(paths, (list, tuple)):
        raise ValueError(f"{paths!r} is not a list")
    for path in paths:
        if not isinstance(path, str) or posixpath.normpath(path.strip()).startswith(".."):
            raise ValueError(f"{path!r} is not a folder of the image")
    return tuple(paths)


@dataclass(frozen=True)
class Configuration(Settings):
    """The keys of a configuration; detection alone reads its own.

    They decide between pieces of evidence, and state facts that no file shows.
    """

    source: str = "."
    workdir: str = ""
    extras: str = ""
    groups: str = ""
    system_packages: str = field(default="", metadata={"read": _packages, "how": PACKAGES})
    build_packages: str = field(default="", metadata={"read": _packages, "how": PACKAGES})
    volumes: tuple[str, ...] = field(
        default=(),
        metadata={"read": _volumes, "how": "write folders of the project or absolute paths, in brackets"},
    )
    settings_check: str = ""
    migrate: str = ""
    logging: bool = False


KEYS = toml.keys(Configuration)


def read(folder: Path, find: Find) -> Project:
    """Read a project from its configuration, and from findings for the keys that it lacks."""
    check_folder(folder)
    root = _context(folder.resolve())
    given, decided = _configuration(root)
    found = find(root, given)
    own, root = root, found.get("root", root)
    source = (own if "source" in given else root) / found.get("source", decided.source)
    names = {key: one.name for key, one in toml.keys(Settings).items()}
    settings = {name: getattr(decided, name) for name in names.values()}
    settings |= {names[key]: value for key, value in found.items() if key in names}
    described = metadata(source)
    name = str(described.get("name") or source.name)
    base = settings["base"] or os.environ.get("PYTHON_IMAGE") or f"python:{settings['python']}-slim"
    return Project(
        **settings
        | {
            "root": root,
            "source": source,
            "name": name,
            "version": str(described.get("version", UNDECLARED)),
            "description": str(described.get("description", "")),
            "image": settings["image"] or image_name(name),
            "python_also": tuple(str(version) for version in settings["python_also"]),
            "budgets": {**DEFAULT_BUDGETS, **settings["budgets"]},
            "base": base,
        }
    )


def table(folder: Path) -> dict[str, Any]:
    """Return a project's configuration: drydock.toml, else pyproject.toml's ``[tool.drydock]``, else {}."""
    return _configuration(folder)[0]


def check_folder(path: Path) -> None:
    """Refuse a path that is not a folder."""
    if not path.is_dir():
        raise NoProject(path=path, problem="is not a folder")


def configured(folder: Path) -> dict[str, str]:
    """Return the values of a project's configuration as options for detection; see `words`."""
    check_folder(folder)
    return words(table(folder))


def options(given: Mapping[str, str]) -> dict[str, Any]:
    """Check a command line's options and return their values; a list is `a,b` or `["a", "b"]`."""
    hints = get_type_hints(Configuration)
    values: dict[str, Any] = {}
    for key, word in given.items():
        if key not in KEYS:
            raise toml.bad("--option", key, "unknown key", f"use one of {choices(key, KEYS)}")
        hint = hints[KEYS[key].name]
        read = {int: _number, bool: _boolean}.get(hint, str)
        values[key] = _list(word) if get_origin(hint) is tuple else read(word)
    toml.make(Configuration, values, "--option")
    return values


def _number(word: str) -> int | str:
    return int(word) if word.isascii() and word.isdigit() else word


def _boolean(word: str) -> bool | str:
    return {"true": True, "false": False}.get(word.lower(), word)


def _list(word: str) -> list[Any]:
    if word.startswith("["):
        found: list[Any] = toml.parse(f"value = {word}", "--option")["value"]
        return found
    return [part.strip() for part in word.split(",") if part.strip()]


def words(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of one word, and lists of words with commas, as options for detection."""
    found = {}
    for key, value in values.items():
        if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
            found[key] = ",".join(value)
        elif isinstance(value, str | int):
            found[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def metadata(source: Path) -> dict[str, Any]:
    """Return the metadata in a project's pyproject.toml, and the version in a setup.cfg without one there."""
    content = toml.read(source / "pyproject.toml")
    found: dict[str, Any] = content.get("tool", {}).get("poetry", {}) | content.get("project", {})
    if not found and (stated := setup_version(source)):
        return {"version": stated}
    return found


def setup_version(source: Path) -> str:
    """Return the version that setup.cfg states itself; empty if a program or another file does."""
    reader = configparser.RawConfigParser(strict=False)
    try:
        reader.read(source / "setup.cfg", encoding="utf-8")
    except (configparser.Error, ValueError):
        return ""
    stated = reader.get("metadata", "version", fallback="").strip()
    return "" if stated.startswith(("attr:", "file:")) else stated


def image_name(name: str) -> str:
    """Derive an image's name from its project's: lower-case words joined by dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "app"


def _context(folder: Path) -> Path:
    """Return the folder to build: the workspace above, if its configuration names this member."""
    if table(folder):
        return folder
    above = (place for place in folder.parents if (place / "Dockerfile").is_file())
    return next((a for a in above if a / str(table(a).get("source", ".")) == folder), folder)


def _configuration(root: Path) -> tuple[dict[str, Any], Configuration]:
    """Return a configuration's content, as it is written and as a dataclass."""
    own, manifest = root / FILE, root / "pyproject.toml"
    inner = toml.read(manifest).get("tool", {}).get("drydock", {})
    if own.is_file() and inner:
        raise toml.bad(manifest, "", f"[tool.drydock] is beside a {FILE}", "keep one of them")
    where, content = (str(own), toml.read(own)) if own.is_file() else (f"{manifest} [tool.drydock]", inner)
    decided = toml.make(Configuration, content, where)
    for target, budget in decided.budgets.items():
        if target.partition(" ")[0] not in TARGETS:
            how = f"use one of {', '.join(TARGETS)}, or one with a platform, such as `slim linux/arm64`"
            raise toml.bad(where, f"budgets.{target}", "unknown target", how)
        for key, growth in (("over-base", budget.over_base), ("over-main", budget.over_main)):
            if growth == Growth():
                how = "write { on-disk-mb = 3, on-wire-mb = 1 }"
                raise toml.bad(where, f"budgets.{target}.{key}", "an empty table", how)
    return content, decided


def around(folder: Path) -> Path:
    """Return the project around a folder, up to the top of its git repository; else the folder itself.

    A drydock configuration decides for the folders of its source; elsewhere the nearest manifest does.
    """
    above = list(_upwards(folder))
    configured = (place for place in above if _decides(place, folder))
    described = (place for place in above if any((place / name).is_file() for name in MANIFESTS))
    return next(configured, None) or next(described, folder)


def _decides(place: Path, folder: Path) -> bool:
    given = table(place)
    if not given and not (place / FILE).is_file():
        return False
    return folder == place or folder.is_relative_to(place / str(given.get("source", ".")))


def _upwards(folder: Path) -> Iterator[Path]:
    for place in (folder, *folder.parents):
        yield place
        if (place / ".git").exists():
            return


def amended(root: Path, options: Mapping[str, Any]) -> dict[str, str]:
    """Return a project's configuration file with some keys set: text by name; {} without keys."""
    manifest, own = root / "pyproject.toml", root / FILE
    if not options:
        return {}
    place = manifest if manifest.is_file() and not own.is_file() else own
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    return {place.name: amend(text, "tool.drydock" if place == manifest else "", options)}


def amend(text: str, table: str, options: Mapping[str, Any]) -> str:
    """Return a TOML text with some keys of a table set; an empty name is the top."""
    import tomlkit  # here, since few commands write

    document: Any = tomlkit.parse(text)
    found = document
    for part in filter(None, table.split(".")):
        found = found.setdefault(part, tomlkit.table(is_super_table=part != "drydock"))
    for key, value in options.items():
        found[key] = value
    return tomlkit.dumps(document)
