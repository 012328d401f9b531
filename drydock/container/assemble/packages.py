"""Debian's records of the packages whose files are in the image, so that scanners see them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from assemble.tree import Tree

DATABASE = Path("/var/lib/dpkg")
# Files made at installation from a package's files, which no package lists.
MADE_FROM: dict[Path, Collection[Path]] = {
    Path("/etc/ssl/certs/ca-certificates.crt"): (Path("/usr/sbin/update-ca-certificates"),),
}


# Paths that no running program reads.
UNREAD = re.compile(
    r"/usr/(bin|sbin|games|include)/.*|/usr/share/(doc|man|info|locale|lintian|bug|gir-1\.0|pkgconfig|aclocal)/.*"
    # Not those of modules, which libltdl reads.
    r"|.*\.(a|pc)|/usr/lib/([^/]+/)?[^/]+\.la|/etc/(init\.d|cron[^/]*|default)/.*|.*/pkgconfig/.*"
)
# apt's list of the packages that others brought.
AUTOMATIC = Path("/var/lib/apt/extended_states")
PROGRAM = re.compile(r"/(usr/(local/)?)?s?bin/.*|/usr/games/.*")
# Files that an installation makes in a folder which other packages have too, by the package that reads them.
MADE_BY = {"libodbcinst2": Path("/etc/odbcinst.ini"), "libodbc2": Path("/etc/odbc.ini")}


@dataclass(frozen=True)
class Package:
    """An installed package: its name, its paragraph in dpkg's status file, its files."""

    name: str
    paragraph: str
    files: frozenset[Path]
    folders: frozenset[Path]

    @property
    def is_read(self) -> bool:
        """Whether programs only read or load its files: it holds no program, and nothing for compilers."""
        return not self.name.endswith("-dev") and not any(map(is_program, self.files))


class Installed:
    """The running system's packages; none without dpkg."""

    @cached_property
    def packages(self) -> tuple[Package, ...]:
        """All installed packages, sorted by name."""
        status = DATABASE / "status"
        paragraphs = status.read_text().strip().split("\n\n") if status.exists() else []
        return tuple(sorted((self._package(text) for text in paragraphs), key=lambda found: found.name))

    def owners(self, paths: Iterable[Path]) -> tuple[Package, ...]:
        """Return the packages that contain any of these files."""
        real = {_real(path) for path in paths}
        return tuple(package for package in self.packages if not package.files.isdisjoint(real))

    def data(self, base: Collection[str], folder: Path, declared: Collection[str] = ()) -> Iterator[str]:
        """Yield the packages that were asked for and are only read: fonts, dictionaries, locales, plug-ins.

        They hold no library in the loader's `folder`, which others would link against, and no program unless
        the project declares them: others may serve the build alone.
        """
        states = AUTOMATIC.read_text() if AUTOMATIC.exists() else ""
        automatic = set(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Auto-Installed: 1$", states, re.MULTILINE))
        for package in self.packages:
            asked = package.name not in base and package.name not in automatic
            if (
                asked
                and (package.is_read or package.name in declared)
                and not any(path.parent == folder and ".so" in path.name for path in package.files)
            ):
                yield package.name

    def programs(self, asked: Collection[str], base: Collection[str]) -> Iterator[tuple[str, Path]]:
        """Yield the programs of the packages that a project declares, each with its package's name.

        A package without files of its own stands for those that it needs. Links that alternatives made count.
        """
        added = {package.name: package for package in self.packages if package.name not in base}
        todo, seen = sorted(added.keys() & set(asked)), set[str]()
        while todo:
            package = added[todo.pop()]
            seen.add(package.name)
            if all(UNREAD.fullmatch(str(path)) and not is_program(path) for path in package.files):
                todo += [name for name in depends(package.paragraph) if name in added.keys() - seen]
        owner = {path: name for name in sorted(seen) for path in added[name].files}
        search = os.environ["PATH"].split(":") if owner else []
        folders = {_resolved(Path(name)) for name in search if Path(name).is_dir()}
        for path in sorted(path for folder in folders for path in folder.iterdir()):
            if name := owner.get(path) or owner.get(path.resolve()):
                yield name, path

    def whole(self, paths: Iterable[Path], base: Collection[str], data: Iterable[str] = ()) -> Iterator[Path]:
        """Yield plug-ins, fonts and tables that libraries find by their folder, from these files' packages.

        Packages that they need count too, and those in `data`. Those of the base image do not: they say
        nothing about the application. Files that an installation made in these packages' folders come along.
        """
        added = {package.name: package for package in self.packages if package.name not in base}
        linked = {package.name for package in self.owners(paths) if package.name in added}
        seen = _closure(linked, added)
        # A dictionary may need the program that makes it, and a metapackage a whole compiler.
        wanted = set(data)
        seen |= _closure(wanted, {name: one for name, one in added.items() if one.is_read or name in wanted})
        for name in sorted(seen):
            yield from sorted(path for path in added[name].files if not UNREAD.fullmatch(str(path)))
        yield from self._made({folder for name in seen for folder in added[name].folders}, base)
        yield from (path for name, path in sorted(MADE_BY.items()) if name in seen and path.exists())

    def _made(self, folders: set[Path], base: Collection[str]) -> Iterator[Path]:
        """Yield the files that no package lists in those of these folders that no package of the base has."""
        shared = {folder for package in self.packages if package.name in base for folder in package.folders}
        known = {path for package in self.packages for path in package.files}
        listed = {folder for package in self.packages for folder in package.folders}
        todo = sorted(folders - shared)
        for folder in todo:
            if folder.is_dir() and not UNREAD.fullmatch(f"{folder}/"):
                inside = sorted(folder.iterdir())
                yield from (path for path in inside if path.is_file() and _real(path) not in known)
                deeper = (path for path in inside if path.is_dir() and not path.is_symlink())
                todo += (path for path in deeper if path not in listed)

    @staticmethod
    def _package(paragraph: str) -> Package:
        fields = dict(re.findall(r"^([\w-]+): ?(.*)$", paragraph, re.MULTILINE))
        name = fields["Package"]
        # The list's name has the architecture if the package can be installed for several.
        lists = [DATABASE / f"info/{name}:{fields['Architecture']}.list", DATABASE / f"info/{name}.list"]
        lines = next((path.read_text().splitlines() for path in lists if path.exists()), [])
        # Folders belong to every package that uses them, and tell nothing. A package with files in /lib lists
        # it as a folder, although the system has a link there.
        folders = {line.rpartition("/")[0] for line in lines}
        brought = (Path(line) for line in lines if line != "/." and line not in folders)
        files = frozenset(_real(path) for path in brought if path.is_symlink() or not path.is_dir())
        # A folder without files of its own is listed too: its files are made at the installation.
        listed = {Path(line) for line in lines if line in folders or Path(line).is_dir()}
        return Package(name, paragraph, files, frozenset(_resolved(path) for path in listed))


def _closure(names: set[str], among: Mapping[str, Package]) -> set[str]:
    """Return these packages, and those of a collection that they need."""
    todo, seen = sorted(names & among.keys()), set[str]()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [other for other in depends(among[name].paragraph) if other in among]
    return seen


def is_program(path: Path) -> bool:
    return bool(PROGRAM.fullmatch(str(path)))


def depends(paragraph: str) -> list[str]:
    """Return the names of the packages that a package needs, alternatives included."""
    lines = re.findall(r"^(?:Pre-)?Depends: (.*)$", paragraph, re.MULTILINE)
    return [re.split(r"[\s:(]", word.strip())[0] for line in lines for word in re.split(r"[,|]", line)]


def _real(path: Path) -> Path:
    """Return a file's real place: dpkg also lists paths from before /lib became a link."""
    return _resolved(path.parent) / path.name


@cache
def _resolved(folder: Path) -> Path:
    return folder.resolve()


def record(
    tree: Tree,
    installed: Installed,
    paths: Collection[Path],
) -> tuple[Package, ...]:
    """Write the records, file lists and licences of the packages that own these files, in their final state.

    Each package gets two files, as in distroless images, so that a layer adds packages without rewriting
    another layer's file. Trivy, Syft and Docker Scout read them.
    """
    origins = {made: sources for made, sources in MADE_FROM.items() if made in paths}
    owners = installed.owners([*paths, *(path for sources in origins.values() for path in sources)])
    places: dict[Path, list[Path]] = {}
    for path in paths:
        places.setdefault(_real(path), []).append(path)
    for package in owners:
        place = DATABASE / "status.d" / package.name
        if not tree.has(place):
            tree.write(place, package.paragraph + "\n")
        licence = Path("/usr/share/doc") / package.name / "copyright"
        if licence.exists():
            tree.take(licence)
        mine = {path for real in package.files & places.keys() for path in places[real]}
        mine |= {_real(licence)} & package.files
        mine |= {path for path, sources in origins.items() if _principal(sources, owners) is package}
        _write_sums(tree, place.with_name(f"{package.name}.md5sums"), mine)
    return owners


def _principal(sources: Iterable[Path], owners: Sequence[Package]) -> Package:
    """Return the package with most of the files that another file was made from."""
    brought = {_real(path) for path in sources}
    return max(owners, key=lambda package: len(package.files & brought))


def _write_sums(tree: Tree, place: Path, paths: Iterable[Path]) -> None:
    """List files with their checksums in the image, in addition to the list of a layer below."""
    known = {line for root in tree.below for line in _lines(Path(f"{root}{place}"))}
    own = set()
    for path in paths:
        file = tree.inside(path)
        if file.is_file() and not file.is_symlink():
            digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
            own.add(f"{digest}  {str(path)[1:]}")
    if own - known:
        lines = sorted(own | known, key=lambda line: line.split("  ", 1)[1])
        tree.write(place, "".join(f"{line}\n" for line in lines))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
