"""A project: what is to be built, and what it may weigh."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from drydock import state
from drydock.nearest import choices
from drydock.project.compression import ZSTD, Compression
from drydock.project.dockerfile import is_recipe
from drydock.project.errors import UnknownTarget

TARGETS = ("production", "slim")
# The version of a project that declares none, or lets its build work it out.
UNDECLARED = "0.0.0"
LOCK_FILES = ("uv.lock", "requirements.lock")
MB = 1_000_000
STATE = ".drydock"
# The second is for projects with a Dockerfile of their own making.
DOCKERFILES = ("Dockerfile", "drydock.Dockerfile")


def _size(key: str, *, least: int = 1, default: Any = None) -> Any:
    """Return a field for bytes that TOML gives as megabytes.

    Args:
        least: The fewest bytes that make sense.
        default: The value of a field that TOML lacks.
    """

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
    """By how much an image may exceed another one.

    Args:
        on_disk: Most bytes that the uncompressed layers may be larger; None for any number.
        on_wire: The same of the compressed ones.
    """

    on_disk: int | None = _size("on-disk-mb", least=0)
    on_wire: int | None = _size("on-wire-mb", least=0)


@dataclass(frozen=True)
class Budget:
    """What an image may weigh.

    Args:
        on_disk: Most bytes of all uncompressed layers.
        on_wire: Most bytes of all compressed layers; None where only the disk counts.
        over_base: By how much it may exceed the base image; None where that does not count.
        over_main: By how much it may exceed the main branch's last image; None where that does not count.
    """

    on_disk: int = _size("on-disk-mb", default=MISSING)
    on_wire: int | None = _size("on-wire-mb")
    over_base: Growth | None = None
    over_main: Growth | None = None


@dataclass(frozen=True)
class Request:
    """One HTTP request of the smoke gate.

    Args:
        method: The HTTP method.
        path: The path; ``{name}`` stands for a value that an earlier request saved.
        status: The status that the answer must have.
        body: A JSON body; None for none.
        save: Field of the JSON answer by the name under which it is kept.
        authorised: Whether the development token is sent.
        contains: Text that the answer must hold; empty for any answer.
    """

    method: str
    path: str
    status: int
    body: Mapping[str, Any] | None = None
    save: Mapping[str, str] = field(default_factory=dict)
    authorised: bool = True
    contains: str = ""


@dataclass(frozen=True)
class Development:
    """How to try the image on a developer's machine.

    Args:
        environment: Variables for a container that is started for a look.
        token_command: Command inside the container that prints a working token; empty when none is needed.
        example_path: A path that is worth asking with that token.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    token_command: tuple[str, ...] = ()
    example_path: str = "/"


@dataclass(frozen=True)
class Project:
    """A project as its configuration and its files describe it.

    Args:
        root: The build context.
        source: The folder with the application's own pyproject.toml.
        name: The distribution's name.
        version: The distribution's version, as written.
        description: One line about it.
        image: The repository name of the image, without a registry.
        registry: Where `push` sends the image unless told otherwise; empty when not configured.
        entry_point: ``package.module:attribute``.
        factory: Whether the attribute is called to make the app.
        python: The Python minor version of the image, such as ``3.13``.
        python_also: Versions that would do as well, the newest first, where that one has no base image.
        port: The port the container listens on.
        health_path: Answers while the process lives.
        ready_path: Answers while requests can be served; as for the other path, empty where no route does.
        lock: The file that decides what is installed, relative to the root; empty for the two that drydock's
            own Dockerfile reads.
        budgets: What each target may weigh.
        labels: Labels of the user's own, which win over drydock's.
        base: The base image that is asked for.
        development: How to try the image.
        smoke: What the smoke gate asks, in this order.
        extra_files: Libraries, programs and paths that the application opens by name at run time.
        origins: For each field's name, where its value was found.
        main_branch: The branch whose images growth is measured by.
        compression: How layers are compressed when they are pushed, and so when they are weighed.
        tests: Whether it has tests; without, `container_tests` passes and says so.
        slim: Whether its gates judge the slim image too.
    """

    root: Path
    source: Path
    name: str
    version: str
    description: str
    image: str
    registry: str
    entry_point: str
    factory: bool
    python: str
    port: int
    health_path: str
    ready_path: str
    budgets: Mapping[str, Budget]
    labels: Mapping[str, str]
    base: str
    python_also: tuple[str, ...] = ()
    lock: str = ""
    development: Development = field(default_factory=Development)
    smoke: tuple[Request, ...] = ()
    extra_files: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    main_branch: str = "main"
    compression: Compression = ZSTD
    tests: bool = True
    slim: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that are published and judged."""
        return TARGETS if self.slim else ("production",)

    @property
    def written(self) -> Path | None:
        """The project's own Dockerfile of drydock's form; None where it has none, or one of another form."""
        places = (self.root / name for name in DOCKERFILES)
        return next((place for place in places if is_recipe(place)), None)

    @property
    def recipe_folder(self) -> Path:
        """The folder in the user's cache for the files of the recipe that the project has not written."""
        digest = hashlib.sha256(os.fsencode(self.source.resolve())).hexdigest()
        return state.cache("recipes") / digest[:32]

    @property
    def dockerfile(self) -> Path:
        """The Dockerfile that is built."""
        return self.written or self.recipe_folder / "Dockerfile"

    @property
    def ignore(self) -> Path:
        """The ignore rules of the build: BuildKit prefers those that are named after the Dockerfile."""
        own = Path(f"{self.dockerfile}.dockerignore")
        return self.root / ".dockerignore" if self.written and not own.is_file() else own

    def place(self, name: str) -> Path:
        """Return where a file or folder of the recipe is: the project's own wins over a rendered one."""
        if name in ("Dockerfile", ".dockerignore"):
            return self.dockerfile if name == "Dockerfile" else self.ignore
        own, rendered = self.root / name, self.recipe_folder / name
        return own if own.exists() or not rendered.exists() else rendered

    @property
    def state(self) -> Path:
        """The folder for what drydock remembers about this project: beside the Dockerfile that is built."""
        return self.dockerfile.parent / STATE

    def budget(self, target: str) -> Budget:
        """Return what a target may weigh."""
        if target not in self.budgets:
            raise UnknownTarget(target=target, known=choices(target, self.budgets))
        return self.budgets[target]

    def reference(self, target: str, channel: str = "dev", platform: str = "") -> str:
        """Return the local reference of a target's newest build, or of that for one of several platforms."""
        words = [channel, *([] if target == "production" else [target]), *platform.split("/")]
        return f"{self.image}:{'-'.join(filter(None, words))}"


DEFAULT_BUDGETS = {"production": Budget(150 * MB), "slim": Budget(300 * MB)}
