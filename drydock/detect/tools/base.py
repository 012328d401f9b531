"""The interface of a tool that declares, locks or installs dependencies."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from packaging.utils import canonicalize_name

from drydock.detect.locks import Lock, Locked
from drydock.detect.model import Dependencies, DependencyKind, Found
from drydock.detect.requirements import Wanted, wanted
from drydock.detect.tree import MAX_LOCK, Tree, join, line_of, strings
from drydock.toml import table

UV_TOOL = ("uv", "tool", "run")
UV_INSTALL = ("uv", "pip", "install")

# A folder of the project among printed requirements, as Poetry, PDM and Pipenv write it.
FOLDER = r"^(-e |[^ ]+ @ )?(file:|\.)"

Items = tuple[Wanted, ...]
Rows = dict[str, Any]
Names = Sequence[str]


@dataclass(frozen=True)
class Source:
    """One declaration of dependencies."""

    tool: Tool
    folder: str
    files: tuple[str, ...]
    where: str
    wanted: Items
    extras: dict[str, Items] = field(default_factory=dict)
    groups: dict[str, Items] = field(default_factory=dict)
    lock: Lock | None = None
    package: str = ""  # the workspace member to install
    hashed: bool = False
    itself: bool = False  # whether it installs the project itself
    own_extras: tuple[str, ...] = ()  # of the project itself
    by_text: bool = False  # whether an installer has to run the declaration in order to read it
    reader: str = ""
    local: tuple[str, ...] = ()  # the other folders and files that it installs
    folders: tuple[str, ...] = ()  # the distributions in such folders, whose modules ship as source

    @property
    def names(self) -> set[str]:
        """The names that are installed by default."""
        return {w.name for w in self.wanted}

    def selected(self, names: Sequence[str]) -> list[Wanted]:
        """Return the requirements of extras and groups."""
        both = (part for name in names for part in (self.extras.get(name, ()), self.groups.get(name, ())))
        return [item for part in both for item in part]

    @property
    def label(self) -> str:
        """The file that a person would call this source."""
        return self.lock.path if self.lock else self.files[0]

    @property
    def pinned(self) -> bool:
        """Whether it pins every requirement."""
        possible = self.tool.can_pin and not self.by_text and bool(self.wanted)
        return possible and all(w.pinned for w in self.wanted)

    @property
    def has_repository(self) -> bool:
        """Whether it installs from a repository, which has no hash."""
        return any(w.repository for w in self.wanted)

    @property
    def is_comparable(self) -> bool:
        """Whether uv can compare the installed packages with it: it fetches repositories and folders anew."""
        return not (self.by_text or self.has_repository or self.names & {*self.folders})


@dataclass(frozen=True)
class Parts:
    """The dependencies in a tool's own table of pyproject.toml, in addition to [project]."""

    wanted: Items = ()
    extras: dict[str, Items] = field(default_factory=dict)
    groups: dict[str, Items] = field(default_factory=dict)
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """The build's facts in a tool's own table of pyproject.toml; paths are relative to the project."""

    name: str = ""
    files: tuple[str, ...] = ()
    plugins: bool = False
    generated: str = ""
    version_from_git: bool = False


@dataclass(frozen=True)
class Step:
    """Words for the commands of a build step."""

    at: str  # the declaration's folder in the build
    file: str  # its first file there
    download: str  # the prefix of commands that reach the package index
    release: str = ""  # an option; may be empty
    hashes: str = ""  # an option; may be empty
    venv: str = "/opt/venv"
    tool: str = "/tmp/tool"  # noqa: S108 - in a stage of the build
    requirements: str = "/tmp/requirements.txt"  # noqa: S108 - in a stage of the build

    @property
    def into(self) -> str:
        """The option that installs into the environment."""
        return f"--python={self.venv}"

    @property
    def make(self) -> str:
        """The command that makes the environment."""
        return f"uv venv --quiet --python=python3 {self.venv}"


@dataclass(frozen=True)
class Upgrade:
    """The pins that a renewed lock may drop although the declaration still allows them."""

    all: bool = False
    names: tuple[str, ...] = ()


class Tool:
    """How one tool reads and locks dependencies, and how the build installs them."""

    kind: ClassVar[DependencyKind]
    name: ClassVar[str]
    lock: ClassVar[str] = ""
    # The file and the keys of the range of Pythons that it declares, in its syntax.
    python: ClassVar[tuple[str, ...]] = ()
    # Matches a Dockerfile's instruction that installs from it.
    mention: ClassVar[str]
    # Its lock belongs to the pyproject.toml beside it.
    has_manifest: ClassVar[bool] = False
    # Keys of its table in pyproject.toml that are its build backend's.
    backend: ClassVar[frozenset[str]] = frozenset()
    # The source file of a lock without a pyproject.toml.
    manifest: ClassVar[str] = ""
    # Its declaration can pin exact versions, without a lock.
    can_pin: ClassVar[bool] = False
    # Its lock can be installed without the folders in it, whose modules ship as source.
    ships_folders: ClassVar[bool] = True
    # Only the tool reads its lock: the build installs the tool, which prints requirements.
    exports: ClassVar[bool] = False
    # Variables for the locking commands: they must not make an environment, nor ask questions.
    settings: ClassVar[Mapping[str, str]] = MappingProxyType({})
    # A file that these commands leave behind.
    litter: ClassVar[str] = ""

    def mentioned(self, source: Source) -> str:
        """Return a pattern for a Dockerfile's instruction that installs a declaration."""
        return self.mention

    def installed(self, tree: Tree, text: str) -> list[Source]:
        """Return the declarations that a command installs by name, besides those that the tool finds."""
        return []

    def above(self, root: Path) -> Path | None:
        """Return the folder above a project with its lock, None without one."""
        return None

    def read(self, tree: Tree, path: str) -> Lock | None:
        """Read a lock file; None if it is missing or not one."""
        return None

    def governs(self, tree: Tree) -> bool:
        """Tell whether a project without a lock uses the tool, by the tool's configuration in it."""
        own = table(tree.toml("pyproject.toml"), "tool", self.name)
        return self.has_manifest and bool(set(own) - self.backend)

    def locking(self, tree: Tree, upgrade: Upgrade) -> list[list[str]] | None:
        """Return the tool's commands that make or renew its lock; None if `uv pip compile` does."""
        return None

    def sources(self, tree: Tree, folder: str, manifest: Source | None) -> list[Source]:
        """Return the declarations of a folder's lock file and of the pyproject.toml beside it."""
        path = join(folder, self.lock)
        lock = self.read(tree, path) if self.lock and tree.exists(path) else None
        if lock is None:
            return []
        if self.has_manifest:
            return [self.locked(lock, folder, manifest, (path,))] if manifest else []
        pins = {one.name: f"{one.name}=={one.version}" for one in lock.packages.values()}
        own = tuple(Wanted(name, text, frozenset(), True, path) for name, text in pins.items())
        files = tuple(f for f in (join(folder, self.manifest), path) if tree.exists(f))
        return [Source(self, folder, files, path, own, lock=lock, hashed=True)]

    def locked(
        self, lock: Lock, folder: str, manifest: Source, files: tuple[str, ...], package: str = ""
    ) -> Source:
        """Return a manifest's declaration with its lock."""
        every = tuple(dict.fromkeys((*manifest.files, *files)))
        declared = (manifest.wanted, manifest.extras, manifest.groups)
        own = Source(self, folder, every, lock.path, *declared, lock, package, hashed=True)
        return replace(own, folders=manifest.folders)

    def parts(self, tree: Tree, path: str, data: Rows) -> Parts:
        """Return the tool's own table of dependencies in a pyproject.toml."""
        return Parts()

    def declares_alone(self, data: Rows) -> bool:
        """Tell whether only the tool's own table, which uv does not read, declares the dependencies."""
        return False

    def pythons(self, tree: Tree, folder: str) -> Iterator[Found[str]]:
        """Yield the range of Pythons in the tool's own file, in its syntax."""
        if self.python:
            name, *tables, key = self.python
            path = join(folder, name)
            text = table(tree.toml(path), *tables).get(key)
            if isinstance(text, str):
                yield Found(text, f"{path} [{'.'.join(tables)}] {key}")

    def about(self, data: Rows) -> About:
        """Return the facts about the project and its build in the tool's own table."""
        return About()

    def local(self, tree: Tree, folder: str, data: Rows) -> Mapping[str, str]:
        """Return the folders that a pyproject.toml installs, by distribution; `""` for unknown ones."""
        return {}

    def repositories(self, data: Rows) -> set[str]:
        """Return the distributions that a pyproject.toml takes from repositories, apart from their names."""
        return set()

    def export(self, source: Source, extras: Names, groups: Names) -> list[str]:
        """Return the command that prints requirements for uv; empty if uv reads the files itself."""
        return []

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        """Return the uv command that installs a declaration or its export."""
        return [*UV_INSTALL, "--requirement", "requirements.txt"]

    def steps(self, found: Dependencies, step: Step) -> list[str]:
        """Return the build's commands that install the dependencies into the environment."""
        if not found.hashed:
            into = [*found.install[:3], step.into, shlex.join(found.install[3:])]
            return [step.make, f"cd {step.at}", f"{step.download} {' '.join(into)}"]
        # uv resolves an archive's path from its working folder, not from the file that names it.
        at = [f"cd {step.at}"] if found.archives else []
        return [step.make, *at, f"{step.download} uv pip sync {step.into}{step.hashes} {step.file}"]

    def test_requirements(self, found: Dependencies, step: Step, lock: str) -> str:
        """Return the command that writes the whole lock, tests included, to a file; empty for none."""
        return ""


class RowsReader(ABC):
    """The reader of a lock file in TOML with one row a package."""

    rows: ClassVar[str] = "package"
    # The keys of the range of Pythons that the lock was made for.
    made_for: ClassVar[tuple[str, ...]] = ("requires-python",)

    def read(self, tree: Tree, path: str) -> Lock | None:
        """Read a lock file; None if it is missing or not one."""
        data = tree.toml(path, MAX_LOCK)
        if not data:
            return None
        old_files = table(data, "metadata", "files")
        found: dict[str, Locked] = {}
        main: set[str] = set()
        for row in dicts(data.get(self.rows)):
            if isinstance(row.get("name"), str):
                item = self.package(row, old_files)
                found[item.name] = found[item.name].merged(item) if item.name in found else item
                if {"main", "default"} & set(strings(row.get("groups"))) or row.get("category") == "main":
                    main.add(item.name)
        *tables, key = self.made_for
        python = table(data, *tables).get(key)
        return Lock(path, python if isinstance(python, str) else "", found, frozenset(main))

    @abstractmethod
    def package(self, row: Rows, old_files: Rows) -> Locked:
        """Parse one row of a lock file; `old_files` are the files by name in older formats."""


class Exporting(Tool):
    """A tool whose lock file only it can read."""

    exports = True
    # The option for the working folder, and the one that adds the development groups.
    place: ClassVar[str] = ""
    everything: ClassVar[str]

    def steps(self, found: Dependencies, step: Step) -> list[str]:
        """Install the tool, which no later stage copies, and the requirements that it prints."""
        locked = f"--require-hashes /install/{self.name}.txt"
        return [
            f"uv venv --quiet --python=python3 {step.tool}",
            f"{step.download} uv pip sync --quiet --python={step.tool} {locked}",
            f"{self.printed(found, step)} > {step.requirements}",
            *([f"sed -i -E '/{FOLDER}/d' {step.requirements}"] if found.local else []),
            step.make,
            f"{step.download} uv pip sync {step.into}{step.release}{step.hashes} {step.requirements}",
        ]

    def test_requirements(self, found: Dependencies, step: Step, lock: str) -> str:
        """Print all groups; the tool is still there from the earlier stage."""
        return f"{self.printed(found, step, self.everything)} > {lock}"

    def printed(self, found: Dependencies, step: Step, *more: str) -> str:
        options = found.export[found.export.index(self.name) + 1 :]
        return " ".join([f"{step.tool}/bin/{self.name}", *options, *more, *filter(None, [self.place])])


def dicts(rows: object) -> list[Rows]:
    """Return the tables of a list, [] for anything else."""
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def name_of(row: Rows) -> str:
    return str(canonicalize_name(row["name"]))


def version_of(row: Rows) -> str:
    """Return the version of a lock file's row, `""` without one."""
    version = row.get("version")
    return version if isinstance(version, str) else ""


def files_of(rows: object, *keys: str) -> tuple[str, ...]:
    """Return the base names of a row's files, each under its first key of `keys`."""
    found = (next((row[k] for k in keys if isinstance(row.get(k), str)), "") for row in dicts(rows))
    return tuple(name for value in found if (name := value.rpartition("/")[2]))


def read_list(tree: Tree, path: str, texts: object) -> Items:
    """Parse a list of requirements, each with its line in a file."""
    whole = tree.text(path) or ""
    items = (wanted(text, f"{path}:{line_of(whole, text)}") for text in strings(texts))
    return tuple(item for item in items if item)


def asked(option: str, names: Sequence[str]) -> list[str]:
    """Repeat an option for each name."""
    return [word for name in names for word in (option, name)]
