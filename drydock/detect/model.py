"""The detector's results: values with their places, conflicts and blockers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T", covariant=True)

DependencyKind = Literal["uv", "poetry", "pdm", "pipenv", "pylock", "requirements", "pyproject", "setup"]
ServerPlace = Literal["default", "extra", "group", "missing"]
SettingKind = Literal["secret", "plain"]
# A folder that the program makes, a file or an SQLite file that it writes, and a path known only at run time.
WrittenKind = Literal["folder", "file", "database", "unknown"]
PackageOrigin = Literal["dependency", "code", "dockerfile", "person"]

# Stands in a remedy for the project's configuration, whose file only the whole tree tells.
PLACE = "{configuration}"


@dataclass(frozen=True)
class Found(Generic[T]):
    """A value, its place (`app/main.py:12`), and the reason why that place decides."""

    value: T
    where: str
    why: str = ""


F = TypeVar("F", bound="Found[Any]")


def distinct(items: Iterable[F]) -> tuple[F, ...]:
    """Return the items without later ones of an equal value."""
    found: dict[Any, F] = {}
    for item in items:
        found.setdefault(item.value, item)
    return tuple(found.values())


@dataclass(frozen=True)
class Written(Found[str]):
    """A path that the program writes."""

    kind: WrittenKind = "file"


@dataclass(frozen=True)
class Package(Found[str]):
    """A Debian package, and the kind of evidence for it."""

    origin: PackageOrigin = "dependency"


@dataclass(frozen=True)
class Worker(Found[str]):
    """A command that runs beside the server, named after its service or process type."""

    name: str = ""


@dataclass(frozen=True)
class Conflict:
    """Contradictory evidence: the candidates, and the option that decides."""

    key: str
    fact: str
    candidates: tuple[Found[str], ...]
    option: str
    place: str = "[tool.drydock]"  # of the project's configuration

    @property
    def text(self) -> str:
        listed = ", ".join(f"{c.value} ({c.where})" if c.where else c.value for c in self.candidates)
        fact = f"{self.fact}: {listed}" if listed else self.fact
        return f"{fact}; set {self.option} in {self.place} or pass --option {self.option}=VALUE"


@dataclass(frozen=True)
class Blocker:
    """A reason why no image of this project can start and answer.

    The remedy holds `PLACE` where it means the project's configuration.
    """

    key: str
    fact: str
    where: str
    remedy: str

    @property
    def text(self) -> str:
        return f"{self.fact} ({self.where}); {self.remedy}" if self.where else f"{self.fact}; {self.remedy}"


@dataclass(frozen=True)
class Dependencies:
    """The place of the dependencies, and the commands that install them."""

    kind: DependencyKind
    tool: str
    folder: str
    files: tuple[str, ...]  # all that the install reads
    export: tuple[str, ...]  # prints the requirements for `install`; empty if uv reads the files itself
    install: tuple[str, ...]  # uv's command, run in `folder`
    locked: bool
    hashed: bool
    label: str  # the file that a person would name
    requirements: tuple[str, ...] = ()
    by_text: bool = False  # whether an installer has to run the declaration in order to read it
    unhashed: bool = False  # whether a locked repository or folder has no hash
    archives: tuple[str, ...] = ()  # the wheels and source archives among `files`
    local: tuple[str, ...] = ()  # the distributions in folders of the project, whose modules ship as source
    comparable: bool = True  # whether uv can compare the installed packages with the declaration


@dataclass(frozen=True)
class Server:
    """The source of the ASGI server."""

    name: str
    place: ServerPlace
    selector: str = ""  # the extra or group
    requirement: str = ""  # installed in addition


@dataclass(frozen=True)
class Setting:
    """An environment variable that the program reads."""

    name: str
    kind: SettingKind
    required: bool
    default: str = ""
    form: str = ""  # the type that its value becomes, such as `int`
    choices: tuple[str, ...] = ()  # its only legal values

    @property
    def must_be_set(self) -> bool:
        """Whether a user must set it: it is required, or a secret with a default."""
        return self.required or (self.kind == "secret" and bool(self.default))


@dataclass(frozen=True)
class Migration:
    """The command that updates the database's schema, its folder, and the files that it reads."""

    command: str
    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Installation:
    """Whether to install the project itself, and its build's needs."""

    needed: bool
    version_from_git: bool
    build_files: tuple[str, ...]
    build_environment: tuple[str, ...]


@dataclass(frozen=True)
class Ignore:
    """The files that a .dockerignore must keep and must exclude, relative to the build context."""

    keep: tuple[str, ...]
    removed: tuple[str, ...]
    secrets: tuple[str, ...]
    exposed: tuple[str, ...]
    public: tuple[str, ...] = ()  # that are named like secrets


@dataclass(frozen=True)
class Findings:
    """All results for one folder; a field is None if conflicts or blockers leave it undecided.

    Paths and places are relative to `root`.
    """

    root: Path  # the requested folder, or the workspace above it that holds its lock
    requested: str  # from `root`
    source: Found[str] | None
    context: Found[str]
    workdir: Found[str]
    python_path: Found[tuple[str, ...]]
    entry_point: Found[str] | None
    factory: Found[bool]
    dependencies: Found[Dependencies] | None
    server: Found[Server] | None
    python: Found[str] | None
    python_supported: tuple[str, ...]
    python_release: Found[str] | None  # the patch release that metadata pin
    port: Found[int]
    liveness: Found[str] | None
    readiness: Found[str] | None
    docs: Found[str] | None
    host: Found[str] | None  # passes the application's check of the Host header
    options: Found[tuple[str, ...]] | None  # of the start command, for the image's server
    system_build: tuple[Package, ...]
    system_run: tuple[Package, ...]
    migrate: Found[Migration] | None
    workers: tuple[Worker, ...]
    scripts: Mapping[str, str]  # the project's own console scripts: a function by name
    resources: str  # a module that imports setuptools' pkg_resources; empty if none does
    settings: tuple[Found[Setting], ...]
    data_files: tuple[Found[str], ...]
    writable: tuple[Written, ...]
    replicas_safe: Found[bool]
    installation: Found[Installation]
    ignore: Ignore
    notes: tuple[Found[str], ...]
    conflicts: tuple[Conflict, ...]
    blockers: tuple[Blocker, ...]

    def by_option(self) -> dict[str, Found[Any]]:
        """Return the findings by the option of `[tool.drydock]` that sets each."""
        plan = self.dependencies
        found: dict[str, Found[Any] | None] = {
            "source": self.source,
            "entry-point": self.entry_point,
            "factory": self.factory,
            "python": self.python,
            "port": self.port,
            "health-path": self.liveness,
            "ready-path": self.readiness,
            "lock": Found(plan.value.label, plan.where, plan.why) if plan else None,
            "workdir": self.workdir,
        }
        return {key: value for key, value in found.items() if value is not None}
