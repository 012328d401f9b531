"""What is in an image, for those who look things up: distributions, Debian packages, and what is neither."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from drydock.gates.security.files import PROGRAM_FOLDERS
from drydock.image import Anatomy, Kind
from drydock.image.packages import Source, debian_records, headers

_METADATA = re.compile(r"/(?:site|dist)-packages/[^/]+\.dist-info/METADATA$")
_EGG = re.compile(r"/(?:site|dist)-packages/([^/]+)\.egg-info(?:/PKG-INFO)?$")
_LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")


@dataclass(frozen=True)
class Component:
    """A distribution or a package.

    Args:
        name: As its records write it.
        version: As its records write it.
        architecture: A Debian package's; empty for a distribution.
        metadata: Path of a distribution's METADATA; empty for a Debian package.
    """

    name: str
    version: str
    architecture: str = ""
    metadata: str = ""

    @property
    def label(self) -> str:
        """The name with its version, for people."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Components:
    """Everything that can be looked up, and everything that cannot.

    Args:
        python: Distributions, also those whose installer kept no list of files.
        debian: Debian packages.
        release: Fields of os-release.
        nameless: Distributions without a readable name and version.
        unowned: Programs and libraries that no package names.
    """

    python: tuple[Component, ...]
    debian: tuple[Component, ...]
    release: Mapping[str, str]
    nameless: tuple[str, ...]
    unowned: tuple[str, ...]


def find(anatomy: Anatomy) -> Components:
    """List what an image consists of."""
    # A distribution that Debian packaged is patched and numbered by Debian, and looked up there.
    debians = {path for package in anatomy.inventory.of(Source.DEBIAN) for path in package.paths}
    python: list[Component] = []
    nameless: list[str] = []
    for path in sorted(anatomy.tree):
        if path in debians:
            continue
        if _METADATA.search(path):
            fields = headers(anatomy.texts.get(path, ""))
            if fields.get("Name") and fields.get("Version"):
                python.append(Component(fields["Name"], fields["Version"], metadata=path))
            else:
                nameless.append(path)
        elif _EGG.search(path):
            nameless.append(path)
    debian = tuple(
        Component(fields["Package"], fields.get("Version", ""), fields.get("Architecture", ""))
        for _, fields in debian_records(anatomy.texts)
    )
    return Components(tuple(python), debian, _release(anatomy.texts), tuple(nameless), _unowned(anatomy))


def _release(texts: Mapping[str, str]) -> dict[str, str]:
    text = texts.get("/etc/os-release") or texts.get("/usr/lib/os-release", "")
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def _unowned(anatomy: Anatomy) -> tuple[str, ...]:
    """Return programs and libraries that belong to no package."""
    debian = anatomy.inventory.of(Source.DEBIAN)
    # Records of the short form, as distroless images have them, name no files. Then only what cannot be
    # theirs is known to be nobody's: Debian's packages leave /usr/local alone (policy, 9.1.2).
    short = bool(debian) and not any(package.paths for package in debian)
    return tuple(
        path
        for package in anatomy.inventory.of(Source.FOLDER)
        for path in package.paths
        if anatomy.tree[path].kind is Kind.FILE and _is_code(path)
        if not short or path.startswith("/usr/local/")
    )


def _is_code(path: str) -> bool:
    return posixpath.dirname(path) in PROGRAM_FOLDERS or _LIBRARY.search(path) is not None


def undeclared(paths: tuple[str, ...], declared: Mapping[str, str]) -> list[str]:
    """Return the paths that no pattern of a declaration covers."""
    return [path for path in paths if not any(fnmatchcase(path, pattern) for pattern in declared)]
