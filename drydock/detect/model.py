"""What the detector hands on: values with the place they were found, conflicts and blockers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T", covariant=True)

DependencyKind = Literal["uv", "poetry", "pdm", "pipenv", "pylock", "requirements", "pyproject", "setup"]
ServerPlace = Literal["default", "extra", "group", "missing"]
SettingKind = Literal["secret", "plain"]
# A folder that the program makes, a file that it writes, an SQLite file, and one whose path only a run tells.
WrittenKind = Literal["folder", "file", "database", "unknown"]
PackageOrigin = Literal["dependency", "code", "dockerfile", "person"]


@dataclass(frozen=True)
class Found(Generic[T]):
    """A value, the place it stands at (`app/main.py:12`), and why that place decides."""

    value: T
    where: str
    why: str = ""


F = TypeVar("F", bound="Found[Any]")


def distinct(items: Iterable[F]) -> tuple[F, ...]:
    """Return the first of those that have an equal value."""
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
    """A Debian package, and what asks for it."""

    origin: PackageOrigin = "dependency"


@dataclass(frozen=True)
class Worker(Found[str]):
    """A command that runs beside the server; its name is that of the service or the process type."""

    name: str = ""


@dataclass(frozen=True)
class Conflict:
    """Evidence that contradicts itself: the candidates, and the option that decides."""

    key: str
    fact: str
    candidates: tuple[Found[str], ...]
    option: str

    @property
    def text(self) -> str:
        """Return the error text: the fact, the candidates, and what to do next."""
        listed = ", ".join(f"{c.value} ({c.where})" if c.where else c.value for c in self.candidates)
        fact = f"{self.fact}: {listed}" if listed else self.fact
        return f"{fact}; set {self.option} in [tool.drydock] or pass --option {self.option}=VALUE"


@dataclass(frozen=True)
class Blocker:
    """A reason why no image of this project can start and answer."""

    key: str
    fact: str
    where: str
    remedy: str

    @property
    def text(self) -> str:
        """Return the error text: the fact with its place, and what to do next."""
        return f"{self.fact} ({self.where}); {self.remedy}" if self.where else f"{self.fact}; {self.remedy}"


@dataclass(frozen=True)
class Dependencies:
    """Where the dependencies are written and how uv installs them.

    `files` are all that the install reads, `archives` the wheels among them; `export` prints the requirements
    that `install`, a uv command in `folder`, takes, and is empty where uv reads the files itself. `by_text`
    tells that no installer reads the declaration without running it, `unhashed` that a locked repository or
    folder has no hash, `label` is the file that a person would name.
    """

    kind: DependencyKind
    tool: str
    folder: str
    files: tuple[str, ...]
    export: tuple[str, ...]
    install: tuple[str, ...]
    locked: bool
    hashed: bool
    label: str
    requirements: tuple[str, ...] = ()
    by_text: bool = False
    unhashed: bool = False
    archives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    """The source of the ASGI server; `selector` is the extra or group, `requirement` is installed besides."""

    name: str
    place: ServerPlace
    selector: str = ""
    requirement: str = ""


@dataclass(frozen=True)
class Setting:
    """An environment variable that the program reads; `form` is the type that its value becomes (`int`),
    `choices` are the only values that it may have."""

    name: str
    kind: SettingKind
    required: bool
    default: str = ""
    form: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Migration:
    """The command that brings the database's schema up to date, its folder, and the files that it reads."""

    command: str
    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Installation:
    """Whether the project itself has to be installed, and what its build needs."""

    needed: bool
    version_from_git: bool
    build_files: tuple[str, ...]
    build_environment: tuple[str, ...]


@dataclass(frozen=True)
class Ignore:
    """What a .dockerignore of this project must keep and must shut out, relative to the build context."""

    keep: tuple[str, ...]
    removed: tuple[str, ...]
    secrets: tuple[str, ...]
    exposed: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """Everything found in one folder; a field is None where conflicts or blockers leave it undecided.

    Paths and places are relative to `root`: the `requested` folder, or the workspace above it that holds
    its lock. `python_release` is the patch release that metadata pin, `host` passes the application's check
    of the Host header, `options` are those of the start command that the image's server takes over.
    """

    root: Path
    requested: str
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
    python_release: Found[str] | None
    port: Found[int]
    liveness: Found[str] | None
    readiness: Found[str] | None
    docs: Found[str] | None
    host: Found[str] | None
    options: Found[tuple[str, ...]] | None
    system_build: tuple[Package, ...]
    system_run: tuple[Package, ...]
    migrate: Found[Migration] | None
    workers: tuple[Worker, ...]
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
        """Return what was found, by the option of `[tool.drydock]` that sets it."""
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
