"""An image's components: interpreter, distributions, Debian packages, and code without a package.

The SBOM, the audit and the licence gate all read this list; sizes come from the inventory.
"""

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from drydock.image import licences
from drydock.image.anatomy import Anatomy
from drydock.image.file import File, Kind
from drydock.image.packages import Source, debian_records, headers
from drydock.image.tree import resolve
from drydock.osrelease import fields as read_release
from drydock.project.lock import linux

DOC = "/usr/share/doc"
PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")
_METADATA = re.compile(r"/(?:site|dist)-packages/[^/]+\.dist-info/METADATA$")
_EGG = re.compile(r"/(?:site|dist)-packages/([^/]+)\.egg-info(?:/PKG-INFO)?$")
_INTERPRETER = re.compile(r"^(?P<prefix>.*)/bin/python(?P<minor>3\.\d+)$")


@dataclass(frozen=True)
class Component:
    """A program, package or single file of an image."""

    name: str  # from its own records; a single file's base name
    version: str = ""  # from its own records; empty for a single file
    architecture: str = ""  # for Debian packages
    type: Source = Source.PYTHON
    purl: str = ""  # package URL, which is also its key; a single file's path
    cpe: str = ""  # NVD's name; only for the interpreter
    # A single file's digest. A package's is of the list ``sha256  path`` of its files in the image, sorted by
    # path. Empty if its records name no files.
    sha256: str = ""
    # path of the METADATA or copyright file with the licence; empty if there is none
    record: str = ""
    licence: str = ""  # that file's SPDX expression; empty if it states none
    depends: tuple[str, ...] = ()  # purls of its requirements in the image
    description: str = ""  # one line
    by_debian: bool = False  # whether Debian packaged it, and so patches and numbers it

    @property
    def is_file(self) -> bool:
        """Whether it is a program or library without a package."""
        return self.type is Source.FILE

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Components:
    all: tuple[Component, ...]  # sorted by purl
    release: Mapping[str, str]  # fields of os-release
    nameless: tuple[str, ...] = ()  # paths of distributions without a readable name and version
    unowned: tuple[str, ...] = ()  # code without a package, as far as the records tell

    def of(self, kind: Source) -> tuple[Component, ...]:
        return tuple(one for one in self.all if one.type is kind)

    @property
    def python(self) -> tuple[Component, ...]:
        """The distributions that Debian did not package; its own are looked up as Debian packages."""
        return tuple(one for one in self.of(Source.PYTHON) if not one.by_debian)

    @property
    def debian(self) -> tuple[Component, ...]:
        return self.of(Source.DEBIAN)


def find(anatomy: Anatomy) -> Components:
    release = read_release(
        anatomy.texts.get("/etc/os-release") or anatomy.texts.get("/usr/lib/os-release", "")
    )
    by_debian = {path for package in anatomy.inventory.of(Source.DEBIAN) for path in package.paths}
    interpreters = _interpreters(anatomy, by_debian)
    paths = (path for folder in anatomy.inventory.of(Source.FOLDER) for path in folder.paths)
    code = [path for path in paths if is_code(anatomy.tree[path])]
    strays = [path for path in code if not any(_belongs(path, binary) for binary in interpreters)]
    # Records in distroless images' short form name no files. Then only paths under /usr/local certainly have
    # no owner: Debian's packages do not use it (policy, 9.1.2).
    short = bool(anatomy.inventory.of(Source.DEBIAN)) and not by_debian
    found = [*interpreters.values(), *_distributions(anatomy, by_debian), *_debian(anatomy, release)]
    for path in strays:
        digest = anatomy.tree[path].sha256
        found.append(Component(posixpath.basename(path), type=Source.FILE, purl=path, sha256=digest))
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
    """Return each CPython by its program's path, with the version that the image reveals."""
    found = {}
    for path, file in anatomy.tree.items():
        match = _INTERPRETER.match(path)
        if file.kind is not Kind.FILE or match is None:
            continue
        version = _python_version(anatomy, path, match["prefix"], match["minor"])
        found[path] = Component(
            "CPython",
            version,
            type=Source.INTERPRETER,
            purl=f"pkg:generic/python@{version}",
            cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
            sha256=_listing([other for other in anatomy.tree if _belongs(other, path)], anatomy.tree),
            licence="PSF-2.0",
            by_debian=path in by_debian,
        )
    return found


def _python_version(anatomy: Anatomy, path: str, prefix: str, minor: str) -> str:
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
    """Tell whether a path is part of CPython, given its program's path."""
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
    """Return the names that a distribution requires in this image, including those of its extras.

    No record tells which extras were requested; a requirement that is not installed adds no edge.
    """
    python = re.search(r"/python(3\.\d+)/", path)
    environment = linux(python[1] if python else "3", _MACHINES.get(architecture, architecture))
    extras = ["", *metadata.get_all("Provides-Extra", [])]
    names = set()
    for text in metadata.get_all("Requires-Dist", []):
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        marker = wanted.marker
        if marker is None or any(marker.evaluate({**environment, "extra": one}) for one in extras):
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
            Source.DEBIAN,
            purl=purls[name],
            sha256=_listing(paths.get(name, ()), anatomy.tree),
            record=record,
            licence=licences.of_copyright(anatomy.texts.get(record, "")),
            depends=tuple(sorted({purls[other] for other in wanted if other in purls and other != name})),
            description=fields.get("Description", ""),
            by_debian=True,
        )


def copyright_file(package: str, tree: Mapping[str, File]) -> str:
    """Return the path of a Debian package's copyright file after following links; empty if it is missing."""
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
    """Return a digest of a package's files that ignores their order and owners."""
    lines = "".join(f"{tree[path].sha256}  {path}\n" for path in sorted(paths) if tree[path].sha256)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest() if lines else ""
