"""The components of an image: interpreter, distributions, Debian packages, and code that belongs to none.

The SBOM, the audit and the licence gate all read this one list; sizes come from the inventory below it.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from drydock.image import licences
from drydock.image.file import File, Kind
from drydock.image.packages import Source, debian_records, headers
from drydock.image.tree import resolve
from drydock.osrelease import fields as read_release

if TYPE_CHECKING:
    from drydock.image.anatomy import Anatomy

DOC = "/usr/share/doc"
PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")
_METADATA = re.compile(r"/(?:site|dist)-packages/[^/]+\.dist-info/METADATA$")
_EGG = re.compile(r"/(?:site|dist)-packages/([^/]+)\.egg-info(?:/PKG-INFO)?$")
_INTERPRETER = re.compile(r"^(?P<prefix>.*)/bin/python(?P<minor>3\.\d+)$")


class Type(StrEnum):
    """The kind of a component, by who publishes it."""

    INTERPRETER = "interpreter"
    PYTHON = "python"
    DEBIAN = "debian"
    FILE = "file"


@dataclass(frozen=True)
class Component:
    """A program, package or single file of an image."""

    name: str  # as its own records write it; of a single file the last part of its path
    version: str = ""  # as its own records write it; empty for a single file
    architecture: str = ""  # A Debian package's
    type: Type = Type.PYTHON  # who publishes it
    purl: str = ""  # its package URL, which is also its key; of a single file its path
    cpe: str = ""  # the name under which NVD knows it; empty for all but the interpreter
    # of a single file; of a package, of the list ``sha256  path`` of its files in the image, in order of
    # their paths; empty for a package whose records name none of its files
    sha256: str = ""
    # path of the METADATA or copyright file that states the licence; empty where there is none
    record: str = ""
    licence: str = ""  # the SPDX expression that this file states; empty where it states none
    depends: tuple[str, ...] = ()  # purls of its requirements that the image contains
    description: str = ""  # one line about it
    by_debian: bool = False  # whether Debian packaged it, and so patches and numbers it

    @property
    def is_file(self) -> bool:
        """Whether it is a program or library of no package."""
        return self.type is Type.FILE

    @property
    def label(self) -> str:
        """The name with its version, for people."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Components:
    """All components of an image."""

    all: tuple[Component, ...]  # sorted by purl
    release: Mapping[str, str]  # fields of os-release
    nameless: tuple[str, ...] = ()  # paths of distributions without a readable name and version
    unowned: tuple[str, ...] = ()  # code of no package, as far as the records let one tell

    def of(self, kind: Type) -> tuple[Component, ...]:
        """Return the components of one type."""
        return tuple(one for one in self.all if one.type is kind)

    @property
    def python(self) -> tuple[Component, ...]:
        """The distributions; one that Debian packaged is looked up there."""
        return tuple(one for one in self.of(Type.PYTHON) if not one.by_debian)

    @property
    def debian(self) -> tuple[Component, ...]:
        """The Debian packages."""
        return self.of(Type.DEBIAN)


def find(anatomy: Anatomy) -> Components:
    """List the components of an image."""
    release = read_release(
        anatomy.texts.get("/etc/os-release") or anatomy.texts.get("/usr/lib/os-release", "")
    )
    by_debian = {path for package in anatomy.inventory.of(Source.DEBIAN) for path in package.paths}
    interpreters = _interpreters(anatomy, by_debian)
    paths = (path for folder in anatomy.inventory.of(Source.FOLDER) for path in folder.paths)
    code = [path for path in paths if is_code(anatomy.tree[path])]
    strays = [path for path in code if not any(_belongs(path, binary) for binary in interpreters)]
    # Records of the short form, as distroless images have them, name no files. Then only paths that cannot be
    # theirs are known to have no owner: Debian's packages leave /usr/local alone (policy, 9.1.2).
    short = bool(anatomy.inventory.of(Source.DEBIAN)) and not by_debian
    found = [*interpreters.values(), *_distributions(anatomy, by_debian), *_debian(anatomy, release)]
    for path in strays:
        digest = anatomy.tree[path].sha256
        found.append(Component(posixpath.basename(path), type=Type.FILE, purl=path, sha256=digest))
    return Components(
        all=tuple(sorted({one.purl: one for one in found}.values(), key=lambda one: one.purl)),
        release=release,
        nameless=tuple(_nameless(anatomy, by_debian)),
        unowned=tuple(path for path in strays if not short or path.startswith("/usr/local/")),
    )


def is_code(file: File) -> bool:
    """Tell whether a file is a program or a shared library, by its name and mode."""
    folder = posixpath.dirname(file.path)
    program = folder in PROGRAM_FOLDERS or (
        bool(file.mode & 0o111) and posixpath.basename(folder) in ("bin", "sbin")
    )
    return file.kind is Kind.FILE and (program or _LIBRARY.search(file.path) is not None)


def _interpreters(anatomy: Anatomy, by_debian: set[str]) -> dict[str, Component]:
    """Return each CPython by the path of its program, with the version that its surroundings tell."""
    found = {}
    for path, file in anatomy.tree.items():
        match = _INTERPRETER.match(path)
        if file.kind is not Kind.FILE or match is None:
            continue
        version = _python_version(anatomy, path, match["prefix"], match["minor"])
        found[path] = Component(
            "CPython",
            version,
            type=Type.INTERPRETER,
            purl=f"pkg:generic/python@{version}",
            cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
            sha256=_listing([other for other in anatomy.tree if _belongs(other, path)], anatomy.tree),
            licence="PSF-2.0",
            by_debian=path in by_debian,
        )
    return found


def _python_version(anatomy: Anatomy, path: str, prefix: str, minor: str) -> str:
    """Return CPython's exact version; only the minor version where nothing in the image tells it."""
    owner = anatomy.inventory.owner(path)
    told = (
        owner.version if owner and owner.source is Source.DEBIAN else "",
        anatomy.image.config.variables.get("PYTHON_VERSION", ""),
        anatomy.texts.get(f"{prefix}/include/python{minor}/patchlevel.h", ""),
        path,
    )
    exact = re.compile(rf"(?<![\d.]){re.escape(minor)}\.\d+(?:(?:a|b|rc)\d+)?")
    return next((match[0] for text in told if (match := exact.search(text))), minor)


def _belongs(path: str, binary: str) -> bool:
    """Tell whether a path is CPython's own, by the path of its program."""
    prefix, _, name = binary.rpartition("/bin/")
    return (
        path == binary
        or re.match(
            rf"{re.escape(prefix)}/(?:bin/(?:python|pydoc|idle|2to3)[\d.]*(?:-config)?$|lib/libpython[\d.]+\.so"
            rf"|(?:lib|include)/{re.escape(name)}/(?!(?:site|dist)-packages/))",
            path,
        )
        is not None
    )


def _distributions(anatomy: Anatomy, by_debian: set[str]) -> Iterator[Component]:
    installed = {
        path: message_from_string(text)
        for path, text in sorted(anatomy.texts.items())
        if _METADATA.search(path) and _is_named(text)
    }
    recorded = {
        (package.site, canonicalize_name(package.name)): package.paths
        for package in anatomy.inventory.of(Source.PYTHON)
    }
    purls = {str(canonicalize_name(fields["Name"])): _pypi(fields) for fields in installed.values()}
    for path, fields in installed.items():
        name = canonicalize_name(fields["Name"])
        wanted = _requirements(fields, path, anatomy.image.config.architecture)
        site = posixpath.dirname(posixpath.dirname(path))
        yield Component(
            fields["Name"],
            fields["Version"],
            purl=_pypi(fields),
            sha256=_listing(recorded.get((site, name), ()), anatomy.tree),
            record=path,
            licence=licences.of_metadata(anatomy.texts[path]),
            depends=tuple(sorted({purls[other] for other in wanted if other in purls and other != name})),
            description=str(fields.get("Summary", "")).strip(),
            by_debian=path in by_debian,
        )


def _nameless(anatomy: Anatomy, by_debian: set[str]) -> Iterator[str]:
    for path in sorted(anatomy.tree):
        unread = _METADATA.search(path) and not _is_named(anatomy.texts.get(path, ""))
        if path not in by_debian and (unread or _EGG.search(path)):
            yield path


def _is_named(metadata: str) -> bool:
    fields = headers(metadata)
    return bool(fields.get("Name") and fields.get("Version"))


def _pypi(fields: Message) -> str:
    return f"pkg:pypi/{canonicalize_name(fields['Name'])}@{quote(fields['Version'], safe='.-_~')}"


def _requirements(metadata: Message, path: str, architecture: str) -> set[str]:
    """Return the names that a distribution requires in this image, those of any extra included.

    No record says which extras were asked for; a requirement that is not installed makes no edge.
    """
    python = re.search(r"/python(3\.\d+)/", path)
    environment = {
        "python_version": python[1] if python else "3",
        "python_full_version": f"{python[1]}.0" if python else "3",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": _MACHINES.get(architecture, architecture),
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    extras = ["", *metadata.get_all("Provides-Extra", [])]
    names = set()
    for text in metadata.get_all("Requires-Dist", []):
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.marker is None or any(
            wanted.marker.evaluate({**environment, "extra": one}) for one in extras
        ):
            names.add(str(canonicalize_name(wanted.name)))
    return names


def _debian(anatomy: Anatomy, release: Mapping[str, str]) -> Iterator[Component]:
    paths = {package.name: package.paths for package in anatomy.inventory.of(Source.DEBIAN)}
    records = [fields for _, fields in debian_records(anatomy.texts)]
    purls = {fields["Package"]: _deb(fields, release) for fields in records}
    for fields in records:
        name = fields["Package"]
        wanted = {
            re.split(r"[\s(:]", alternative.strip(), maxsplit=1)[0]
            for key in ("Depends", "Pre-Depends")
            for clause in fields.get(key, "").split(",")
            for alternative in clause.split("|")
        }
        record = copyright_file(name, anatomy.tree)
        yield Component(
            name,
            fields.get("Version", ""),
            fields.get("Architecture", ""),
            Type.DEBIAN,
            purl=purls[name],
            sha256=_listing(paths.get(name, ()), anatomy.tree),
            record=record,
            licence=licences.of_copyright(anatomy.texts.get(record, "")),
            depends=tuple(sorted({purls[other] for other in wanted if other in purls and other != name})),
            description=fields.get("Description", ""),
            by_debian=True,
        )


def copyright_file(package: str, tree: Mapping[str, File]) -> str:
    """Return where a Debian package's copyright file is, links followed; empty where it is not there."""
    path = resolve(f"{DOC}/{package}/copyright", tree)
    file = tree.get(path)
    if file is not None and file.kind is Kind.SYMLINK:
        path = resolve(posixpath.normpath(posixpath.join(posixpath.dirname(path), file.link)), tree)
    return path if path in tree else ""


def _deb(fields: Mapping[str, str], release: Mapping[str, str]) -> str:
    version = quote(fields.get("Version", ""), safe=".-_~")
    codename = release.get("VERSION_CODENAME", "")
    qualifiers = f"arch={fields.get('Architecture', 'all')}" + (f"&distro={codename}" if codename else "")
    name = quote(fields["Package"], safe=".-_~")
    return f"pkg:deb/{release.get('ID', 'debian')}/{name}@{version}?{qualifiers}"


def _listing(paths: Sequence[str], tree: Mapping[str, File]) -> str:
    """Return the digest of a package's files, whose order and owner change nothing."""
    lines = "".join(f"{tree[path].sha256}  {path}\n" for path in sorted(paths) if tree[path].sha256)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest() if lines else ""
