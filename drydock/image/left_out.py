"""Compare production with slim path by path, with a reason for each difference."""

import fnmatch
import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from drydock.container.assemble import reasons
from drydock.image.anatomy import Anatomy
from drydock.image.components import PROGRAM_FOLDERS, is_code
from drydock.image.file import File, Kind
from drydock.image.packages import UNSTRIPPED, Source
from drydock.image.tree import parents

# Path components in a summary's folders, including the empty one before the first slash.
FOLDER_DEPTH = 3
_LIBRARY_FOLDER = re.compile(r"^((?!/opt/venv/)/.+/lib/python3\.\d+)/")
_COMPARED = ("kind", "sha256", "link", "mode", "uid", "gid")


@dataclass(frozen=True)
class Omission:
    """A path of slim that production lacks or changes."""

    path: str
    kind: Kind
    size: int  # bytes saved in production
    reason: str  # empty if no rule explains it
    package: str = ""  # slim's Debian package or Python distribution; empty if none owns it


@dataclass(frozen=True)
class LeftOut:
    """All differences between production and slim, sorted by path."""

    missing: tuple[Omission, ...]
    changed: tuple[Omission, ...]
    whole: tuple[str, ...]  # programs and libraries with symbols, since they carry more than code

    @property
    def unexplained(self) -> list[Omission]:
        """The differences without a rule: the images have different sources, or drydock has a fault."""
        return [one for one in (*self.missing, *self.changed) if not one.reason]


def compare(slim: Anatomy, production: Anatomy) -> LeftOut:
    owners = {path: package for package in slim.inventory.packages for path in package.paths}
    shipped = {package.name for package in production.inventory.of(Source.DEBIAN)}
    missing: dict[str, Omission] = {}
    folders: list[File] = []
    below: dict[str, set[str]] = defaultdict(set)
    for path, file in slim.tree.items():
        if path in production.tree or path == "/":
            continue
        if file.kind is Kind.FOLDER:
            folders.append(file)
            continue
        package = owners.get(path)
        named = package.name if package and package.source is not Source.FOLDER else ""
        foreign = bool(package and package.source is Source.DEBIAN and package.name not in shipped)
        missing[path] = Omission(path, file.kind, file.size, _reason(file, foreign), named)
        for folder in parents(path):
            below[folder].add(missing[path].reason)
    for file in folders:
        inside = below.get(file.path, set())
        reason = next(iter(inside)) if len(inside) == 1 else reasons.CONTENT if inside else _empty(file.path)
        missing[file.path] = Omission(file.path, file.kind, 0, reason)
    both = ((file, production.tree[path]) for path, file in slim.tree.items() if path in production.tree)
    changed = [
        Omission(was.path, was.kind, was.size - now.size, _change(was, now))
        for was, now in both
        if any(getattr(was, name) != getattr(now, name) for name in _COMPARED)
    ]
    texts = (text for path, text in production.texts.items() if path.startswith(UNSTRIPPED))
    whole = sorted(line for text in texts for line in text.splitlines())
    return LeftOut(tuple(missing[path] for path in sorted(missing)), tuple(changed), tuple(whole))


def _reason(file: File, foreign: bool) -> str:
    """Return why production lacks a file: by its path, then its package, then its kind."""
    if library := _LIBRARY_FOLDER.match(file.path):
        for pattern, reason in reasons.STANDARD_LIBRARY.items():
            # An omitted folder takes its content along.
            if any(
                fnmatch.fnmatch(one, f"{library[1]}/{pattern}") for one in (file.path, *parents(file.path))
            ):
                return reason
    if file.path.endswith(".pyc"):
        return reasons.BYTECODE
    for pattern, reason in reasons.SYSTEM.items():
        if re.fullmatch(pattern, file.path) and not file.path.startswith("/opt/venv/"):
            return reason
    if foreign:
        return reasons.PACKAGE
    if posixpath.dirname(file.path) in PROGRAM_FOLDERS:
        return reasons.PROGRAM
    return reasons.LIBRARY if re.search(r"\.so(\.[\d.]+)?$", file.path) else ""


def _empty(path: str) -> str:
    found = (reason for pattern, reason in reasons.SYSTEM.items() if re.fullmatch(pattern, path))
    return next(found, reasons.FOLDER)


def _change(was: File, now: File) -> str:
    """Return why production changes a file; empty if no rule explains it."""
    if now.kind is Kind.SYMLINK and ".libs/" in now.path:
        return reasons.TWIN
    if (was.mode, was.uid, was.gid) != (now.mode, now.uid, now.gid):
        return ""
    if was.kind is Kind.HARDLINK and now.kind is Kind.FILE:
        return reasons.NAMES
    if now.path.endswith(".dist-info/RECORD"):
        return reasons.RECORD
    if now.path.endswith("/sbin/ldconfig"):
        return reasons.LDCONFIG
    if now.path == "/etc/ld.so.cache":
        return reasons.LIST
    program = is_code(was) or bool(was.mode & 0o111)
    return reasons.STRIPPED if now.kind is Kind.FILE and now.size < was.size and program else ""


def folded(omissions: Sequence[Omission]) -> list[tuple[str, int, int, str]]:
    """Sum up by folder and reason: folder, number of paths, bytes, reason; largest first."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in omissions:
        folder = "/".join(posixpath.dirname(one.path).split("/")[:FOLDER_DEPTH]) or "/"
        row = rows[folder, one.reason]
        row[0] += 1
        row[1] += one.size
    found = [(folder, count, size, reason) for (folder, reason), (count, size) in rows.items()]
    return sorted(found, key=lambda row: (-row[2], row[0]))
