"""What is to be built: read from ``[tool.drydock]`` and the project's files, each value with its origin."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from drydock import errors
from drydock.nearest import choices
from drydock.project.compression import ZSTD, Compression

# Values and places of the keys that a configuration lacks, by key.
Find = Callable[[Path, Mapping[str, Any]], Mapping[str, tuple[Any, str]]]

TARGETS = ("production", "slim")
LOCK_FILES = ("uv.lock", "requirements.lock")
FILE = "drydock.toml"
CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
MB = 1_000_000


@dataclass(frozen=True)
class Growth:
    """By how much an image may exceed another one.

    Args:
        on_disk: Most bytes that the uncompressed layers may be larger; None for any number.
        on_wire: The same of the compressed ones.
    """

    on_disk: int | None = None
    on_wire: int | None = None


@dataclass(frozen=True)
class Budget:
    """What an image may weigh.

    Args:
        on_disk: Most bytes of all uncompressed layers.
        on_wire: Most bytes of all compressed layers; None where only the disk counts.
        over_base: By how much it may exceed the base image; None where that does not count.
        over_main: By how much it may exceed the main branch's last image; None where that does not count.
    """

    on_disk: int
    on_wire: int | None = None
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
        root: The build context: the folder with the Dockerfile.
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

    @property
    def dockerfile(self) -> Path:
        """The Dockerfile of the build context."""
        return self.root / "Dockerfile"

    @property
    def state(self) -> Path:
        """The folder for what drydock remembers about this project; not part of the source."""
        return self.root / ".drydock"

    def budget(self, target: str) -> Budget:
        """Return what a target may weigh.

        Raises:
            errors.UnknownTarget: No budget is kept for it.
        """
        if target not in self.budgets:
            raise errors.UnknownTarget(target=target, known=choices(target, self.budgets))
        return self.budgets[target]

    def reference(self, target: str, channel: str = "dev", platform: str = "") -> str:
        """Return the local reference of a target's newest build, or of that for one of several platforms."""
        words = [channel, *([] if target == "production" else [target]), *platform.split("/")]
        return f"{self.image}:{'-'.join(filter(None, words))}"


# The keys of [tool.drydock] and of drydock.toml: type, and the default where detection finds nothing.
KEYS: dict[str, tuple[type, object]] = {
    "source": (str, "."),
    "image": (str, None),
    "registry": (str, ""),
    "entry-point": (str, "main:app"),
    "factory": (bool, False),
    "python": (str, "3.13"),
    "python-also": (list, []),
    "port": (int, 8000),
    "health-path": (str, ""),
    "ready-path": (str, ""),
    "lock": (str, ""),
    "base": (str, None),
    "budgets": (dict, {}),
    "main-branch": (str, "main"),
    "compression": (str, "zstd"),
    "labels": (dict, {}),
    "development": (dict, {}),
    "smoke": (list, []),
    "extra-files": (list, []),
    # Read by `explain` and `init` alone: to decide between pieces of evidence, and what detection cannot see.
    "workdir": (str, ""),
    "extras": (str, ""),
    "groups": (str, ""),
    "system-packages": (str, ""),
    "volumes": (list, []),
    "settings-check": (str, ""),
    "migrate": (str, ""),
    "logging": (bool, False),
}
DEFAULT_BUDGETS = {"production": Budget(150 * MB), "slim": Budget(300 * MB)}
_SIZES = {"on-disk-mb", "on-wire-mb"}
_GROWTHS = {"over-base", "over-main"}
_IMAGE = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")


def read(folder: Path, find: Find) -> Project:
    """Read a project from its configuration, and from findings where the configuration says nothing.

    Args:
        folder: The project's folder; a member of a workspace that was set up from above is built from there.
        find: Returns value and place of each key that the configuration lacks.

    Raises:
        errors.NoProject: It is not a folder.
        errors.BadConfiguration: The configuration is not TOML, or a key is unknown or of the wrong type.
    """
    check_folder(folder)
    root = _context(folder.resolve())
    manifest, given = _configuration(root)
    found = find(root, given)
    origins = {key: f"{manifest.name} {key}" for key in given}
    if manifest.name != FILE:
        origins = {key: f"{manifest.name} [tool.drydock] {key}" for key in given}

    def value(key: str, default: object = None, where: str = "") -> Any:
        if key in given:
            return given[key]
        if key in found:
            content, origins[key] = found[key]
            return content
        if default is not None:
            origins[key] = where
            return default
        origins[key] = "default"
        return KEYS[key][1]

    source = root / value("source")
    described = metadata(source)
    name = str(described.get("name") or source.name)
    image = value("image", image_name(name), "the project's name")
    if not _IMAGE.fullmatch(image):
        raise _bad(
            manifest,
            "image",
            f"{image!r} is no legal repository name",
            "use lower-case words joined by - or /",
        )
    python = value("python")
    return Project(
        root=root,
        source=source,
        name=name,
        version=str(described.get("version", "0.0.0")),
        description=str(described.get("description", "")),
        image=image,
        registry=value("registry"),
        entry_point=value("entry-point"),
        factory=value("factory"),
        python=python,
        python_also=tuple(str(version) for version in value("python-also")),
        port=value("port"),
        health_path=value("health-path"),
        ready_path=value("ready-path"),
        lock=value("lock"),
        budgets={**DEFAULT_BUDGETS, **_budgets(value("budgets"), manifest)},
        labels={str(key): str(text) for key, text in value("labels").items()},
        base=value("base", os.environ.get("PYTHON_IMAGE"), "PYTHON_IMAGE") or f"python:{python}-slim",
        development=_development(value("development"), manifest),
        extra_files=tuple(str(name) for name in value("extra-files")),
        smoke=tuple(_request(index, item, manifest) for index, item in enumerate(value("smoke"))),
        origins=origins,
        main_branch=value("main-branch"),
        compression=_compression(value("compression"), manifest),
    )


def table(folder: Path) -> dict[str, Any]:
    """Return a project's configuration: drydock.toml, else ``[tool.drydock]`` of its pyproject.toml, else {}.

    Raises:
        errors.BadConfiguration: It is no TOML, or a key is unknown or of the wrong type; names the key.
    """
    return _configuration(folder)[1]


def check_folder(path: Path) -> None:
    """Refuse what is no folder.

    Raises:
        errors.NoProject: There is none of that name, or something else.
    """
    if not path.is_dir():
        raise errors.NoProject(path=path, problem="is no folder")


def configured(folder: Path) -> dict[str, str]:
    """Return what a project's configuration says in single words, as options for detection.

    Raises:
        errors.NoProject: It is no folder.
        errors.BadConfiguration: It is no TOML, or a key is unknown or of the wrong type; names the key.
    """
    check_folder(folder)
    words = {key: content for key, content in table(folder).items() if isinstance(content, str | int)}
    return {key: str(word).lower() if isinstance(word, bool) else str(word) for key, word in words.items()}


def metadata(source: Path) -> dict[str, Any]:
    """Return what a project's own pyproject.toml says about it, {} where there is none.

    Raises:
        errors.BadConfiguration: It is no TOML.
    """
    content = _read_toml(source / "pyproject.toml")
    found: dict[str, Any] = content.get("tool", {}).get("poetry", {}) | content.get("project", {})
    return found


def image_name(name: str) -> str:
    """Return the name that an image gets after its project: lower-case words joined by dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "app"


def _context(folder: Path) -> Path:
    """Return the folder that is built: the workspace above, where that is configured for this member."""
    if _configuration(folder)[1]:
        return folder
    above = (place for place in folder.parents if (place / "Dockerfile").is_file())
    return next((a for a in above if a / str(_configuration(a)[1].get("source", ".")) == folder), folder)


def _configuration(root: Path) -> tuple[Path, dict[str, Any]]:
    """Return the file that holds a project's configuration, and the configuration."""
    own = root / FILE
    manifest = root / "pyproject.toml"
    inner = _read_toml(manifest).get("tool", {}).get("drydock", {})
    if own.is_file() and inner:
        raise errors.BadConfiguration(
            where=manifest, problem=f"[tool.drydock] stands beside a {FILE}", how="keep one of them"
        )
    place, found = (own, _read_toml(own)) if own.is_file() else (manifest, inner)
    _check_keys(found, place)
    return place, found


def ca_bundle(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the host's CA bundle, which builds behind a TLS-inspecting proxy need; None if there is none."""
    named = [environment.get("SSL_CERT_FILE"), environment.get("REQUESTS_CA_BUNDLE"), *CA_BUNDLES]
    return next((path for name in named if name and (path := Path(name)).is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.BadConfiguration(where=path, problem=f"no valid TOML: {error}", how="mend it") from error


def _bad(manifest: Path, key: str, problem: str, how: str) -> errors.BadConfiguration:
    place = f"{manifest}" if manifest.name == FILE else f"{manifest} [tool.drydock]"
    return errors.BadConfiguration(where=f"{place} {key}", problem=problem, how=how)


def _check_keys(table: object, manifest: Path) -> None:
    if not isinstance(table, dict):
        raise errors.BadConfiguration(
            where=f"{manifest} [tool.drydock]", problem="no table", how="write it as a table"
        )
    for key, content in table.items():
        if key not in KEYS:
            raise _bad(manifest, key, "unknown key", f"use one of {', '.join(sorted(KEYS))}")
        wanted = KEYS[key][0]
        # bool is a subclass of int: `port = true` is not a number.
        if not isinstance(content, wanted) or (wanted is int and isinstance(content, bool)):
            raise _bad(manifest, key, f"{content!r} is no {_WORDS[wanted]}", f"give it a {_WORDS[wanted]}")


_WORDS: dict[type, str] = {str: "string", bool: "boolean", int: "whole number", dict: "table", list: "list"}


def _budgets(table: Mapping[str, Any], manifest: Path) -> dict[str, Budget]:
    budgets = {}
    for target, limits in table.items():
        key = f"budgets.{target}"
        if target not in TARGETS:
            raise _bad(manifest, key, "unknown target", f"use one of {', '.join(TARGETS)}")
        if not isinstance(limits, dict) or "on-disk-mb" not in limits or set(limits) - _SIZES - _GROWTHS:
            raise _bad(
                manifest, key, f"{limits!r} is no budget", "write { on-disk-mb = 150, on-wire-mb = 60 }"
            )
        growths = {
            name: _growth(limits[name], f"{key}.{name}", manifest) for name in _GROWTHS & limits.keys()
        }
        sizes = {name: _size(limits[name], f"{key}.{name}", manifest) for name in _SIZES & limits.keys()}
        budgets[target] = Budget(
            sizes["on-disk-mb"],
            sizes.get("on-wire-mb"),
            growths.get("over-base"),
            growths.get("over-main"),
        )
    return budgets


def _development(table: Mapping[str, Any], manifest: Path) -> Development:
    known = {"environment", "token-command", "example-path"}
    if unknown := set(table) - known:
        raise _bad(
            manifest, f"development.{min(unknown)}", "unknown key", f"use one of {', '.join(sorted(known))}"
        )
    return Development(
        environment={str(key): str(text) for key, text in table.get("environment", {}).items()},
        token_command=tuple(str(part) for part in table.get("token-command", [])),
        example_path=str(table.get("example-path", "/")),
    )


def _request(index: int, item: object, manifest: Path) -> Request:
    key = f"smoke[{index}]"
    if not isinstance(item, dict):
        raise _bad(manifest, key, f"{item!r} is no table", "write { method, path, status }")
    known = {one.name for one in fields(Request)}
    if unknown := set(item) - known:
        raise _bad(manifest, f"{key}.{min(unknown)}", "unknown key", f"use one of {', '.join(sorted(known))}")
    if missing := {"method", "path", "status"} - set(item):
        raise _bad(manifest, f"{key}.{min(missing)}", "missing", "every request has method, path and status")
    return Request(**item)


def _growth(limits: object, key: str, manifest: Path) -> Growth:
    if not isinstance(limits, dict) or not limits or set(limits) - _SIZES:
        raise _bad(manifest, key, f"{limits!r} is no growth", "write { on-disk-mb = 3, on-wire-mb = 1 }")
    sizes = {name: _size(number, f"{key}.{name}", manifest, least=0) for name, number in limits.items()}
    return Growth(sizes.get("on-disk-mb"), sizes.get("on-wire-mb"))


def _size(number: object, key: str, manifest: Path, least: int = 1) -> int:
    """Return the bytes that a number of megabytes stands for.

    Args:
        number: What the table says.
        key: Where it says so.
        manifest: The file with the table.
        least: The fewest bytes that make sense.
    """
    # bool is a subclass of int: `true` is not a number.
    size = int(number * MB) if isinstance(number, int | float) and not isinstance(number, bool) else -1
    if size < least:
        how = f"give megabytes (10^6 bytes){' above 0' if least else ', or 0'}"
        raise _bad(manifest, key, f"{number!r} is no size", how)
    return size


def _compression(text: str, manifest: Path) -> Compression:
    try:
        return Compression.parse(text)
    except ValueError as error:
        how = "write zstd or gzip, with a level if you like: zstd:15"
        raise _bad(manifest, "compression", str(error), how) from error
