"""What an image is made of: distributions, Debian packages, and code that belongs to neither."""

from __future__ import annotations

import email
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from drydock.image import Anatomy, File, Kind
from drydock.image.packages import Package, Source, debian_records
from drydock.image.tree import resolve
from drydock.publish.sbom.licences import Licences, of_copyright, of_distribution

DOC = "/usr/share/doc"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")


@dataclass(frozen=True)
class Material:
    """One thing that an image contains.

    Args:
        purl: Its package URL, which is also its key here; of a single file its path.
        name: As its own records write it.
        version: As its own records write it; empty for a single file.
        sha256: Of a single file; of a package, of the list ``sha256  path`` of its files in the image, in
            order of their paths; empty for a package whose records name none of its files.
        licences: As its own records state them.
        depends: The purls of what it needs and the image contains.
        description: One line about it.
    """

    purl: str
    name: str
    version: str = ""
    sha256: str = ""
    licences: Licences = Licences()  # noqa: RUF009 - frozen
    depends: tuple[str, ...] = ()
    description: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a program or library of no package."""
        return self.purl.startswith("/")


@dataclass(frozen=True)
class Bill:
    """All that an image is made of.

    Args:
        name: The image's title, or else its reference without the tag.
        version: The version that its labels tell; empty where they do not.
        image: The image's id.
        created: When its source was made, in the form ``2023-11-14T22:13:20Z``.
        materials: Sorted by purl.
    """

    name: str
    version: str
    image: str
    created: str
    materials: tuple[Material, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """The purls of what nothing else in the image needs."""
        needed = {purl for material in self.materials for purl in material.depends}
        return tuple(material.purl for material in self.materials if material.purl not in needed)


def bill(anatomy: Anatomy, copyrights: Mapping[str, str]) -> Bill:
    """List what an image is made of.

    Args:
        anatomy: The image.
        copyrights: The content of Debian's copyright files by path; see `copyright_files`.
    """
    config = anatomy.image.config
    oci = "org.opencontainers.image."
    reference = anatomy.image.reference.partition("@")[0]
    name = config.labels.get(oci + "title") or re.sub(r":[^/:]+$", "", reference)
    found = {material.purl: material for material in _materials(anatomy, copyrights)}
    return Bill(
        name=name,
        version=config.labels.get(oci + "version", ""),
        image=anatomy.image.id,
        created=_second(config.labels.get(oci + "created") or config.created),
        materials=tuple(found[purl] for purl in sorted(found)),
    )


def copyright_files(anatomy: Anatomy) -> dict[str, str]:
    """Return where each Debian package's copyright file lies, by the package's name; links are followed."""
    found = {}
    for package in anatomy.inventory.of(Source.DEBIAN):
        path = resolve(f"{DOC}/{package.name}/copyright", anatomy.tree)
        file = anatomy.tree.get(path)
        if file is not None and file.kind is Kind.SYMLINK:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file.link))
            path = resolve(target, anatomy.tree)
        if path in anatomy.tree:
            found[package.name] = path
    return found


def _materials(anatomy: Anatomy, copyrights: Mapping[str, str]) -> Iterator[Material]:
    tree = anatomy.tree
    yield from _distributions(anatomy)
    yield from _debian(anatomy, copyrights)
    for folder in anatomy.inventory.of(Source.FOLDER):
        for path in folder.paths:
            if is_code(tree[path]):
                yield Material(path, posixpath.basename(path), sha256=tree[path].sha256)


def is_code(file: File) -> bool:
    """Tell whether a file is a program or a shared library, by its name and mode."""
    executable = bool(file.mode & 0o111) and posixpath.basename(posixpath.dirname(file.path)) in (
        "bin",
        "sbin",
    )
    return file.kind is Kind.FILE and (executable or _LIBRARY.search(file.path) is not None)


def _distributions(anatomy: Anatomy) -> Iterator[Material]:
    metadata = {
        path: email.message_from_string(text)
        for path, text in anatomy.texts.items()
        if path.endswith(".dist-info/METADATA")
    }
    recorded = {
        (package.site, canonicalize_name(package.name)): package
        for package in anatomy.inventory.of(Source.PYTHON)
    }
    installed = {canonicalize_name(str(fields["Name"])): fields for fields in metadata.values()}
    purls: dict[str, str] = {name: _pypi(name, str(fields["Version"])) for name, fields in installed.items()}
    for path, fields in metadata.items():
        name = canonicalize_name(str(fields["Name"]))
        package = recorded.get((posixpath.dirname(posixpath.dirname(path)), name))
        wanted = _requirements(fields, path, anatomy.image.config.architecture)
        yield Material(
            purl=_pypi(name, str(fields["Version"])),
            name=str(fields["Name"]),
            version=str(fields["Version"]),
            sha256=_listing(package, anatomy.tree),
            licences=of_distribution(fields),
            depends=tuple(sorted({purls[other] for other in wanted if other in purls and other != name})),
            description=str(fields.get("Summary", "")).strip(),
        )


def _pypi(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{quote(version, safe='.-_~')}"


def _requirements(metadata: Message, path: str, architecture: str) -> set[str]:
    """Return the names that a distribution requires in this image, those of any extra included.

    Which extras were asked for is written down nowhere; what they would need and is not there makes no edge.
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


def _debian(anatomy: Anatomy, copyrights: Mapping[str, str]) -> Iterator[Material]:
    release = _release(anatomy.texts)
    packages = {package.name: package for package in anatomy.inventory.of(Source.DEBIAN)}
    records = [fields for _, fields in debian_records(anatomy.texts)]
    purls = {fields["Package"]: _deb(fields, release) for fields in records}
    files = copyright_files(anatomy)
    for fields in records:
        name = fields["Package"]
        wanted = {
            re.split(r"[\s(:]", alternative.strip(), maxsplit=1)[0]
            for key in ("Depends", "Pre-Depends")
            for clause in fields.get(key, "").split(",")
            for alternative in clause.split("|")
        }
        yield Material(
            purl=purls[name],
            name=name,
            version=fields.get("Version", ""),
            sha256=_listing(packages.get(name), anatomy.tree),
            licences=of_copyright(copyrights.get(files.get(name, ""), "")),
            depends=tuple(sorted({purls[other] for other in wanted if other in purls and other != name})),
            description=fields.get("Description", ""),
        )


def _deb(fields: Mapping[str, str], release: Mapping[str, str]) -> str:
    version = quote(fields.get("Version", ""), safe=".-_~")
    architecture = fields.get("Architecture", "all")
    distribution = release.get("ID", "debian")
    name = quote(fields["Package"], safe=".-_~")
    codename = release.get("VERSION_CODENAME", "")
    qualifiers = f"arch={architecture}" + (f"&distro={codename}" if codename else "")
    return f"pkg:deb/{distribution}/{name}@{version}?{qualifiers}"


def _release(texts: Mapping[str, str]) -> dict[str, str]:
    text = texts.get("/etc/os-release") or texts.get("/usr/lib/os-release", "")
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def _listing(package: Package | None, tree: Mapping[str, File]) -> str:
    """Return the digest of a package's files, whose order and owner change nothing."""
    paths = [path for path in package.paths if tree[path].sha256] if package else []
    if not paths:
        return ""
    lines = "".join(f"{tree[path].sha256}  {path}\n" for path in sorted(paths))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _second(moment: str) -> str:
    """Cut the fraction of a second off, which neither format takes."""
    return re.sub(r"\.\d+", "", moment) or "1970-01-01T00:00:00Z"
