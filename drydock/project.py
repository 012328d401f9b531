"""What is to be built: read from ``[tool.drydock]`` and the project's files, each value with its origin."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from drydock import errors
from drydock.compression import ZSTD, Compression
from drydock.nearest import choices

TARGETS = ("production", "slim")
LOCK_FILES = ("uv.lock", "requirements.lock")
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
    """

    method: str
    path: str
    status: int
    body: Mapping[str, Any] | None = None
    save: Mapping[str, str] = field(default_factory=dict)
    authorised: bool = True


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
        port: The port the container listens on.
        health_path: Answers while the process lives.
        ready_path: Answers while requests can be served.
        budgets: What each target may weigh.
        labels: Labels of the user's own, which win over drydock's.
        base: The base image that is asked for.
        development: How to try the image.
        smoke: What the smoke gate asks, in this order.
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
    development: Development = field(default_factory=Development)
    smoke: tuple[Request, ...] = ()
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

    def reference(self, target: str, channel: str = "dev") -> str:
        """Return the local reference of a target's newest build."""
        return f"{self.image}:{channel if target == 'production' else f'{channel}-{target}'}"


# The keys of [tool.drydock] that are read here: type, and the default where detection finds nothing.
KEYS: dict[str, tuple[type, object]] = {
    "source": (str, "."),
    "image": (str, None),
    "registry": (str, ""),
    "entry-point": (str, "main:app"),
    "factory": (bool, False),
    "python": (str, "3.13"),
    "port": (int, 8000),
    "health-path": (str, "/livez"),
    "ready-path": (str, "/readyz"),
    "base": (str, None),
    "budgets": (dict, {}),
    "main-branch": (str, "main"),
    "compression": (str, "zstd"),
    "labels": (dict, {}),
    "development": (dict, {}),
    "smoke": (list, []),
    # Read by `explain` alone, to decide between pieces of evidence.
    "lock": (str, ""),
    "workdir": (str, ""),
    "extras": (str, ""),
    "groups": (str, ""),
    "system-packages": (str, ""),
}
DEFAULT_BUDGETS = {"production": Budget(150 * MB), "slim": Budget(300 * MB)}
_SIZES = {"on-disk-mb", "on-wire-mb"}
_GROWTHS = {"over-base", "over-main"}
_IMAGE = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")


def load(folder: Path) -> Project:
    """Read a project.

    Args:
        folder: The folder with the Dockerfile and the pyproject.toml that carries ``[tool.drydock]``.

    Raises:
        errors.NoProject: There is no pyproject.toml.
        errors.BadConfiguration: It is no TOML, or a key is unknown or of the wrong type; names the key.
    """
    root = folder.resolve()
    manifest = root / "pyproject.toml"
    outer = _read_toml(manifest)
    table = outer.get("tool", {}).get("drydock", {})
    _check_keys(table, manifest)
    source = root / table.get("source", ".")
    inner = outer if source == root else _read_toml(source / "pyproject.toml")
    metadata = inner.get("project", {})
    origins = {key: f"{manifest.name} [tool.drydock] {key}" for key in table}

    def value(key: str, found: object = None, where: str = "") -> Any:
        if key in table:
            return table[key]
        if found is not None:
            origins[key] = where
            return found
        origins[key] = "default"
        return KEYS[key][1]

    name = str(metadata.get("name") or source.name)
    python = value("python", _python(metadata), f"{_shown(source, root)}pyproject.toml requires-python")
    image = value("image", re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"), "the project's name")
    if not _IMAGE.fullmatch(image):
        raise _bad(
            manifest,
            "image",
            f"{image!r} is no legal repository name",
            "use lower-case words joined by - or /",
        )
    return Project(
        root=root,
        source=source,
        name=name,
        version=str(metadata.get("version", "0.0.0")),
        description=str(metadata.get("description", "")),
        image=image,
        registry=value("registry"),
        entry_point=value("entry-point"),
        factory=value("factory"),
        python=python,
        port=value("port"),
        health_path=value("health-path"),
        ready_path=value("ready-path"),
        budgets={**DEFAULT_BUDGETS, **_budgets(value("budgets"), manifest)},
        labels={str(key): str(text) for key, text in value("labels").items()},
        base=value("base", os.environ.get("PYTHON_IMAGE"), "PYTHON_IMAGE") or f"python:{python}-slim",
        development=_development(value("development"), manifest),
        smoke=tuple(_request(index, item, manifest) for index, item in enumerate(value("smoke"))),
        origins=origins,
        main_branch=value("main-branch"),
        compression=_compression(value("compression"), manifest),
    )


def configured(folder: Path) -> dict[str, str]:
    """Return what a project's ``[tool.drydock]`` says in single words, as options for detection.

    Raises:
        errors.BadConfiguration: Its pyproject.toml is no TOML.
    """
    manifest = folder / "pyproject.toml"
    table = _read_toml(manifest).get("tool", {}).get("drydock", {}) if manifest.is_file() else {}
    words = {key: content for key, content in table.items() if isinstance(content, str | int)}
    return {key: str(word).lower() if isinstance(word, bool) else str(word) for key, word in words.items()}


def ca_bundle(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the host's CA bundle, which builds behind a TLS-inspecting proxy need; None if there is none."""
    named = [environment.get("SSL_CERT_FILE"), environment.get("REQUESTS_CA_BUNDLE"), *CA_BUNDLES]
    return next((path for name in named if name and (path := Path(name)).is_file()), None)


def _shown(source: Path, root: Path) -> str:
    return "" if source == root else f"{source.relative_to(root)}/"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise errors.NoProject(path=path.parent) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.BadConfiguration(where=path, problem=f"no valid TOML: {error}", how="mend it") from error


def _bad(manifest: Path, key: str, problem: str, how: str) -> errors.BadConfiguration:
    return errors.BadConfiguration(where=f"{manifest} [tool.drydock] {key}", problem=problem, how=how)


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


def _python(metadata: Mapping[str, Any]) -> str | None:
    """Return the lowest minor version that ``requires-python`` admits."""
    match = re.search(r"(?:>=|==|~=)\s*(3\.\d+)", str(metadata.get("requires-python", "")))
    return match.group(1) if match else None


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
