"""List and read an untrusted folder: bounded, symlink-safe, never outside of it."""

from __future__ import annotations

import configparser
import json
import os
import posixpath
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from drydock.project.lock import encoding

MAX_FILES = 60_000
MAX_DEPTH = 40
MAX_TEXT = 1_000_000  # bytes; people do not write larger source or configuration files
MAX_LOCK = 16_000_000  # bytes
PARENT_LEVELS = 4

SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    | {"__pycache__", "node_modules", "site-packages", ".eggs", ".idea", ".next", ".nuxt", ".cache"}
    | {"__pypackages__"}
)


class Tree:
    """A folder's regular files, with cached and bounded reading; without links that lead outside."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.files = _scan(str(self.root))
        self._file_set = frozenset(self.files)
        self._folders = frozenset({".", *(above for path in self.files for above in ancestors(path))})
        self._listings: dict[str, list[str]] = {}
        self._texts: dict[str, str | None] = {}
        self._tables: dict[str, dict[str, Any] | None] = {}

    def exists(self, path: str) -> bool:
        return path in self._file_set

    def is_folder(self, path: str) -> bool:
        """Tell whether `path` is a folder with at least one file (`.` is the root)."""
        return path in self._folders

    def has(self, path: str) -> bool:
        """Tell whether `path` is a file or a folder, other than the root."""
        return path != "." and (path in self._file_set or path in self._folders)

    def data(self, path: str, limit: int = MAX_TEXT) -> bytes | None:
        """Return a file's bytes; None if it is missing, unreadable or larger than `limit` bytes."""
        if path not in self._file_set:
            return None
        return read_bounded(self.root / path, limit)

    def text(self, path: str, limit: int = MAX_TEXT) -> str | None:
        """Return a file's text (UTF-8, undecodable bytes replaced), or None as `data` does."""
        if path not in self._texts:
            self._texts[path] = decode(self.data(path, limit))
        return self._texts[path]

    def toml(self, path: str, limit: int = MAX_TEXT) -> dict[str, Any] | None:
        """Parse a file as TOML; None if it is missing, {} if it is not TOML."""
        if path not in self._tables:
            text = self.text(path, limit)
            self._tables[path] = None if text is None else parse_toml(text)
        return self._tables[path]

    def named(self, *names: str) -> list[str]:
        """Return the files with one of these base names, shallow ones first."""
        wanted = frozenset(names)
        hits = [f for f in self.files if f.rpartition("/")[2] in wanted]
        return sorted(hits, key=lambda f: (f.count("/"), f))

    def listing(self, folder: str) -> list[str]:
        """Return the files directly in `folder`."""
        if not self._listings:
            for path in self.files:
                self._listings.setdefault(folder_of(path), []).append(path)
        return self._listings.get(folder, [])

    def under(self, folder: str) -> list[str]:
        return [f for f in self.files if folder == "." or f.startswith(folder + "/")]


def decode(data: bytes | None) -> str | None:
    """Decode bytes after their byte-order mark, else as UTF-8; None stays None."""
    return None if data is None else data.decode(encoding(data), "replace").replace("\r\n", "\n")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document, {} if it is malformed."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def parse_json(text: str) -> dict[str, Any]:
    """Parse a JSON object, {} if it is malformed or another value."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


# libyaml is ten times as fast, and refuses nested brackets that take minutes in Python.
_Safe: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc, valid-type]
    """A safe loader that reads unknown tags (`!reset`, `!override`) as nothing."""


_Loader.add_constructor(None, lambda _loader, _node: None)


def parse_yaml(text: str) -> dict[str, Any]:
    """Parse a YAML mapping, {} for anything else."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that ignores tags
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, KeyError, AttributeError):
        return {}
    return value if isinstance(value, dict) else {}


def strings(value: object) -> list[str]:
    """Return the strings of a list, [] for anything else."""
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def line_of(text: str, needle: str) -> int:
    """Return the number of the first line that holds `needle`, 1 if none does."""
    at = text.find(needle)
    return 1 if at < 0 else text.count("\n", 0, at) + 1


def join(*parts: str) -> str:
    """Join and normalise relative POSIX paths; the empty path is `.`."""
    return posixpath.normpath(posixpath.join(*parts)) if parts else "."


def folder_of(path: str) -> str:
    """Return a file's folder, `.` for the root."""
    return path.rpartition("/")[0] or "."


def ancestors(path: str) -> list[str]:
    """Return the folders above a file, nearest first, `.` last."""
    found = []
    folder = path.rpartition("/")[0]
    while folder:
        found.append(folder)
        folder = folder.rpartition("/")[0]
    return [*found, "."]


def common(paths: Iterable[str]) -> str:
    """Return the deepest folder of the tree that holds all of some paths."""
    return posixpath.commonpath([f"/{path}" if path != "." else "/" for path in paths]).lstrip("/") or "."


def read_bounded(path: Path, limit: int) -> bytes | None:
    """Return a regular file's bytes; None if it is missing, unreadable or larger than `limit` bytes."""
    try:
        if not path.is_file() or path.stat().st_size > limit:
            return None
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= limit else None


def parents(root: Path) -> list[Path]:
    """Return the folders above `root`, nearest first, up to the repository's top or a few levels."""
    found = []
    folder = Path(os.path.realpath(root))
    for _ in range(PARENT_LEVELS):
        if os.access(folder / ".git", os.F_OK) or folder == folder.parent:
            break
        folder = folder.parent
        found.append(folder)
    return found


def _scan(root: str) -> tuple[str, ...]:
    files: list[str] = []
    for place, folders, names in os.walk(root):
        folder = os.path.relpath(place, root)
        depth = 0 if folder == "." else folder.count("/") + 1
        if len(files) >= MAX_FILES or (depth and "pyvenv.cfg" in names):
            folders.clear()
            continue
        inner = [name for name in folders if name.isprintable() and name not in SKIPPED]
        folders[:] = inner if depth < MAX_DEPTH else []
        # A name that cannot be printed can be neither imported nor shown, so it is not evidence.
        files += [join(folder, n) for n in names if n.isprintable() and _is_inner_file(Path(place, n), root)]
    return tuple(sorted(files))


def _is_inner_file(path: Path, root: str) -> bool:
    try:
        inside = not path.is_symlink() or os.path.realpath(path).startswith(root.rstrip("/") + "/")
        return inside and path.is_file()
    except (OSError, ValueError):
        return False


def section(text: str, name: str) -> Mapping[str, str]:
    """Return a section of a configuration file in setup.cfg's syntax, {} without it."""
    reader = configparser.RawConfigParser(strict=False)
    try:
        reader.read_string(text)
    except configparser.Error:
        return {}
    return dict(reader.items(name)) if reader.has_section(name) else {}
