"""Assign each file of an image to a Python distribution, Debian package or folder."""

import csv
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from drydock.image.file import File, Kind
from drydock.image.tree import resolver

DPKG = "/var/lib/dpkg"
# The build's lists of files that stripping would harm, one for each layer that has such files.
UNSTRIPPED = "/usr/share/drydock/unstripped/"
_SITE = re.compile(r"^(.*/(?:site|dist)-packages)/[^/]+")
_RECORD = re.compile(r"/[^/]+\.dist-info/(?:RECORD|METADATA)$")
# Licences of Debian packages, and the version of a CPython that was installed without a package.
_TOLD = re.compile(r"/usr/share/doc/[^/]+/copyright|.*/include/python3\.\d+/patchlevel\.h")
_BYTECODE = re.compile(r"^(.*)/__pycache__/([^/]+?)\.[^/]*\.pyc$")
_STANDARD_LIBRARY = re.compile(r"^(.*/lib/python3\.\d+)/")


class Source(StrEnum):
    PYTHON = "python"
    DEBIAN = "debian"
    FOLDER = "folder"
    INTERPRETER = "interpreter"  # a component only: CPython without a package
    FILE = "file"  # a component only: a program or library without a package


@dataclass(frozen=True)
class Package:
    """Files that are installed and removed together."""

    source: Source
    name: str  # a distribution's or package's name; a folder's path
    version: str  # from its records; empty for a folder
    size: int  # bytes of its files in the final tree, bytecode included
    paths: tuple[str, ...]
    site: str = ""  # a Python distribution's folder on the import path; else empty

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}".strip()


def names_packages(path: str) -> bool:
    """Tell whether a file's content is needed to name packages, their versions and their licences."""
    return (
        path in (f"{DPKG}/status", "/etc/os-release", "/usr/lib/os-release")
        or path.startswith((f"{DPKG}/status.d/", UNSTRIPPED))
        or (path.startswith(f"{DPKG}/info/") and path.endswith(".list"))
        or _TOLD.fullmatch(path) is not None
        or _RECORD.search(path) is not None
    )


@dataclass(frozen=True)
class Inventory:
    """All files of a final tree, each in exactly one package."""

    packages: tuple[Package, ...]  # largest first

    def of(self, source: Source) -> tuple[Package, ...]:
        return tuple(package for package in self.packages if package.source is source)

    def owner(self, path: str) -> Package | None:
        """Return a file's package; None for a folder or a missing path."""
        return next((package for package in self.packages if path in package.paths), None)


def take_stock(tree: Mapping[str, File], texts: Mapping[str, str]) -> Inventory:
    """Assign every file of a tree to one package.

    Python's records come first: Debian's packages of Python modules carry both, and a lock file names the
    distribution. A file without a record counts for its folder.
    """
    left = {path: file for path, file in tree.items() if file.kind is not Kind.FOLDER}
    packages: list[Package] = []
    bytecode, found = _bytecode(tree), resolver(tree)
    for recorded in (*_distributions(texts), *_debian(texts)):
        paths = list(map(found, recorded.paths))
        # Tools that compile after the installation (uv, py3compile, a build step) do not record their files.
        paths += [compiled for path in paths for compiled in bytecode.get(path, ())]
        mine = sorted({path for path in paths if path in left})
        size = sum(left.pop(path).size for path in mine)
        packages.append(replace(recorded, size=size, paths=tuple(mine)))
    folders: dict[str, list[File]] = defaultdict(list)
    for file in left.values():
        folders[folder_of(file.path)].append(file)
    for folder, files in folders.items():
        paths = sorted(file.path for file in files)
        packages.append(Package(Source.FOLDER, folder, "", sum(file.size for file in files), tuple(paths)))
    return Inventory(tuple(sorted(packages, key=lambda one: (-one.size, one.source, one.name))))


def folder_of(path: str) -> str:
    """Return the folder that a file without a package counts for."""
    if match := _SITE.match(path):
        return match.group(0) if match.group(0) != path else match.group(1)
    if match := _STANDARD_LIBRARY.match(path):
        return match.group(1)
    return "/" + "/".join(posixpath.dirname(path).split("/")[1:4])


def _bytecode(tree: Mapping[str, File]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in tree:
        if match := _BYTECODE.match(path):
            found[f"{match.group(1)}/{match.group(2)}.py"].append(path)
    return found


def _distributions(texts: Mapping[str, str]) -> Iterator[Package]:
    """Yield each distribution with its recorded files; sizes are set later."""
    for record, content in sorted(texts.items()):
        if not record.endswith(".dist-info/RECORD"):
            continue
        info = posixpath.dirname(record)
        site = posixpath.dirname(info)
        fields = headers(texts.get(f"{info}/METADATA", ""))
        name, _, version = posixpath.basename(info).removesuffix(".dist-info").partition("-")
        rows = filter(None, csv.reader(content.splitlines()))
        paths = tuple(posixpath.normpath(posixpath.join(site, row[0])) for row in rows)
        name, version = fields.get("Name", name), fields.get("Version", version)
        yield Package(Source.PYTHON, name, version, 0, paths, site)


def _debian(texts: Mapping[str, str]) -> Iterator[Package]:
    """Yield each installed Debian package with its listed files; sizes are set later."""
    for origin, fields in debian_records(texts):
        name, architecture = fields["Package"], fields.get("Architecture", "")
        lists = (f"{DPKG}/info/{name}.list", f"{DPKG}/info/{name}:{architecture}.list")
        listing = next((texts[path] for path in lists if path in texts), "")
        # Distroless images keep checksum files, whose lines name the files without the leading slash.
        sums = texts.get(f"{origin}.md5sums", "")
        paths = [line for line in listing.splitlines() if line not in ("", "/.")]
        paths += [f"/{line.split('  ', 1)[1]}" for line in sums.splitlines() if "  " in line]
        yield Package(Source.DEBIAN, name, fields.get("Version", ""), 0, tuple(paths))


def debian_records(texts: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the fields of each installed Debian package's record, with the record's file."""
    for path, content in sorted(texts.items()):
        if path != f"{DPKG}/status" and not path.startswith(f"{DPKG}/status.d/"):
            continue
        for paragraph in re.split(r"\n\s*\n", content):
            fields = headers(paragraph)
            # Distroless records have no status: each listed package is installed.
            if "Package" in fields and fields.get("Status", "install ok installed").endswith(" installed"):
                yield path, fields


def headers(text: str) -> dict[str, str]:
    """Parse lines of ``Name: value`` up to the first empty one; continuation lines are skipped."""
    fields: dict[str, str] = {}
    for line in text.strip().splitlines():
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            fields.setdefault(name, value.strip())
    return fields
