"""Debian's records of the packages whose files are in the image, so that scanners see what ships."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from assemble.tree import Tree

DATABASE = Path("/var/lib/dpkg")
MADE_FROM = {
    Path("/etc/ssl/certs/ca-certificates.crt"): Path("/usr/sbin/update-ca-certificates"),
}


@dataclass(frozen=True)
class Package:
    """One installed package: its name, its paragraph in dpkg's status file, the files that it brought."""

    name: str
    paragraph: str
    files: frozenset[Path]


class Installed:
    """The packages of the running system; none where it has no dpkg."""

    @cached_property
    def packages(self) -> tuple[Package, ...]:
        """Every installed package, by name."""
        status = DATABASE / "status"
        paragraphs = status.read_text().strip().split("\n\n") if status.exists() else []
        return tuple(sorted((self._package(text) for text in paragraphs), key=lambda found: found.name))

    def owners(self, paths: Iterable[Path]) -> tuple[Package, ...]:
        """Return the packages that brought any of these files."""
        real = {_real(path) for path in paths}
        return tuple(package for package in self.packages if not package.files.isdisjoint(real))

    @staticmethod
    def _package(paragraph: str) -> Package:
        fields = dict(re.findall(r"^([\w-]+): ?(.*)$", paragraph, re.MULTILINE))
        name = fields["Package"]
        # A package that can be installed for several architectures has its own in the list's name.
        lists = [DATABASE / f"info/{name}:{fields['Architecture']}.list", DATABASE / f"info/{name}.list"]
        lines = next((path.read_text().splitlines() for path in lists if path.exists()), [])
        brought = (Path(line) for line in lines if line != "/.")
        # Folders belong to every package that uses them: they tell nothing.
        files = frozenset(_real(path) for path in brought if path.is_symlink() or not path.is_dir())
        return Package(name, paragraph, files)


def _real(path: Path) -> Path:
    """Return where a file lies today: dpkg also lists files where they were before /lib became a link."""
    return path.parent.resolve() / path.name


def record(tree: Tree, installed: Installed, paths: Collection[Path]) -> tuple[Package, ...]:
    """Write the records and licences of the packages that these files come from.

    One file a package, as distroless images have it: a layer can add packages without rewriting the file of
    another layer. Trivy, Syft and Docker Scout read them.
    """
    # Made at installation from a package's files, and so in no package's list.
    paths = [*paths, *(source for made, source in MADE_FROM.items() if made in paths)]
    owners = installed.owners(paths)
    for package in owners:
        place = DATABASE / "status.d" / package.name
        if not tree.has(place):
            tree.write(place, package.paragraph + "\n")
            licence = Path("/usr/share/doc") / package.name / "copyright"
            if licence.exists():
                tree.take(licence)
    return owners
