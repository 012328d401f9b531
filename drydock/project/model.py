"""A project to build, and its size limits."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from drydock import state
from drydock.nearest import choices
from drydock.project import ignore as dockerignore
from drydock.project.compression import ZSTD, Compression
from drydock.project.dockerfile import is_recipe
from drydock.project.errors import UnknownTarget

TARGETS = ("production", "slim")
# The version of a project that declares none or computes it at build time.
UNDECLARED = "0.0.0"
LOCK_FILES = ("uv.lock", "requirements.lock")
MB = 1_000_000
STATE = ".drydock"
# The second name is for projects that have a Dockerfile of another form.
DOCKERFILES = ("Dockerfile", "drydock.Dockerfile")
# A part of an image's name.
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"


def _size(key: str, *, least: int = 1, default: Any = None) -> Any:
    """Return a field for bytes that TOML gives as megabytes; `least` is in bytes."""

    def read(number: object) -> int:
        # bool is a subclass of int: `true` is not a number.
        numeric = isinstance(number, int | float) and not isinstance(number, bool)
        size = int(number * MB) if numeric else -1  # type: ignore[operator]
        if size < least:
            raise ValueError(f"{number!r} is not a size")
        return size

    how = f"give megabytes (10^6 bytes){' above 0' if least else ', or 0'}"
    return field(default=default, metadata={"key": key, "read": read, "how": how})


@dataclass(frozen=True)
class Growth:
    """The growth allowed over another image, in bytes; None for no limit."""

    on_disk: int | None = _size("on-disk-mb", least=0)  # of the uncompressed layers
    on_wire: int | None = _size("on-wire-mb", least=0)  # of the compressed layers


@dataclass(frozen=True)
class Budget:
    """An image's size limits, in bytes; None for no limit."""

    on_disk: int = _size("on-disk-mb", default=MISSING)  # of all uncompressed layers
    on_wire: int | None = _size("on-wire-mb")  # of all compressed layers
    over_base: Growth | None = None  # over the base image
    over_main: Growth | None = None  # over the main branch's last image


@dataclass(frozen=True)
class Request:
    """One HTTP request of the smoke gate."""

    method: str
    path: str  # `{name}` is replaced by a value that an earlier request saved
    status: int  # of the answer
    body: Mapping[str, Any] | None = None  # JSON
    save: Mapping[str, str] = field(default_factory=dict)  # JSON fields of the answer, by new name
    authorised: bool = True  # whether to send the development token
    contains: str = ""  # text that the answer must hold; empty for any answer


@dataclass(frozen=True)
class Development:
    """Settings for trying the image on a developer's machine."""

    environment: Mapping[str, str] = field(default_factory=dict)
    token_command: tuple[str, ...] = ()  # prints a valid token, inside the container; empty if none is needed
    example_path: str = "/"  # a path that answers with that token


def _text(pattern: str, meaning: str, how: str, default: str = "") -> Any:
    """Return a field for a text that a pattern matches as a whole."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is not {meaning}")
        return value

    return field(default=default, metadata={"read": read, "how": how})


def _path() -> Any:
    return _text(r"(?s:/.*)?", "the path of a route", "begin it with /")


@dataclass(frozen=True)
class Settings:
    """The keys of a configuration that tasks and gates read, with their defaults."""

    # The image's repository name, without a registry.
    image: str = _text(
        f"{_PART}(?:/{_PART})*", "a legal repository name", "use lower-case words joined by - or /"
    )
    registry: str = ""  # the default of `push`; empty if not configured
    entry_point: str = "main:app"  # `package.module:attribute`
    factory: bool = False  # whether to call the attribute to make the app
    # The image's minor version, such as `3.13`.
    python: str = _text(
        r"3\.([7-9]|[1-9]\d+)(\.\d+)?",
        "a version of Python that an image can have",
        "write a minor version from 3.7 on, such as 3.13",
        default="3.13",
    )
    python_also: tuple[str, ...] = ()  # other supported versions, best first, if `python` has no base image
    port: int = 8000  # inside the container
    health_path: str = _path()  # answers while the process lives; empty without such a route
    ready_path: str = _path()  # answers while requests can be served; empty without such a route
    lock: str = ""  # relative to the root; empty for the two that drydock's own Dockerfile reads
    base: str = ""  # the wanted base image
    # By target, or by target and platform: `slim linux/arm64`.
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    main_branch: str = "main"  # growth is measured against its images
    # Of pushed layers; sizes on the wire are measured with it.
    compression: Compression = field(
        default=ZSTD,
        metadata={
            "read": lambda text: Compression.parse(str(text)),
            "how": "write zstd or gzip, with a level if you like: zstd:15",
        },
    )
    labels: Mapping[str, str] = field(default_factory=dict)  # the user's own, which win over drydock's
    development: Development = field(default_factory=Development)
    smoke: tuple[Request, ...] = ()  # in the order of sending
    extra_files: tuple[str, ...] = ()  # libraries, programs and paths that the application opens by name
    tests: bool = True  # without tests, `container_tests` passes and says so
    touched_first: bool = False  # whether `container_tests` begins with the tests that a change touches
    slim: bool = True  # whether its gates also judge the slim image


@dataclass(frozen=True, kw_only=True)
class Project(Settings):
    """A project, described by its configuration and its files."""

    root: Path  # the build context
    source: Path  # the folder of the application's own pyproject.toml
    name: str  # the distribution's
    version: str  # as written
    description: str  # one line
    python_release: str = ""  # the only release that the installer takes; empty for any

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that are published and judged."""
        return TARGETS if self.slim else ("production",)

    @property
    def written(self) -> Path | None:
        """The project's own Dockerfile in drydock's form; None if it has none."""
        places = (self.root / name for name in DOCKERFILES)
        return next((place for place in places if is_recipe(place)), None)

    @property
    def recipe_folder(self) -> Path:
        """The folder in the user's cache for the project's rendered recipe."""
        digest = hashlib.sha256(os.fsencode(self.source.resolve())).hexdigest()
        return state.cache("recipes") / digest[:32]

    @property
    def dockerfile(self) -> Path:
        return self.written or self.recipe_folder / "Dockerfile"

    @property
    def ignore(self) -> Path:
        """The build's ignore rules."""
        if written := self.written:
            return dockerignore.place(written, self.root)
        return Path(f"{self.dockerfile}.dockerignore")

    def place(self, name: str) -> Path:
        """Return the path of a recipe's file or folder: the project's own wins over a rendered one."""
        if name in ("Dockerfile", ".dockerignore"):
            return self.dockerfile if name == "Dockerfile" else self.ignore
        own, rendered = self.root / name, self.recipe_folder / name
        return own if own.exists() or not rendered.exists() else rendered

    @property
    def state(self) -> Path:
        """The folder of drydock's state for this project, beside the Dockerfile that is built."""
        return self.dockerfile.parent / STATE

    def budget(self, target: str) -> Budget:
        """Return a target's budget; ``slim linux/arm64`` has slim's unless it has one of its own."""
        general = target.partition(" ")[0]
        if general not in self.budgets:
            raise UnknownTarget(target=target, known=choices(target, self.budgets))
        return self.budgets.get(target, self.budgets[general])

    def reference(self, target: str, channel: str = "dev", platform: str = "") -> str:
        """Return the local reference of a target's newest build, optionally for one platform."""
        words = [channel, *([] if target == "production" else [target]), *platform.split("/")]
        return f"{self.image}:{'-'.join(filter(None, words))}"


DEFAULT_BUDGETS = {"production": Budget(150 * MB), "slim": Budget(300 * MB)}
