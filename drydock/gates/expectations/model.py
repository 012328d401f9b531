"""A project's expectations of its image: the schema of ``image/expectations.toml``.

Each class is a table of that file, each field a key of it, with ``-`` for ``_``. None means not checked. A
compared text that begins with ``~`` is a regular expression for the whole value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydock.gates.expectations.findings import Ignore

OSV = "https://api.osv.dev/v1"


@dataclass(frozen=True)
class Health:
    """``[image.health]``: the expected HEALTHCHECK, and its effect."""

    test: tuple[str, ...] | None = None  # the command, without the leading CMD
    interval: int = 30  # most seconds between probes
    timeout: int = 10  # most seconds per probe
    retries: int = 3  # most failures before the container counts as unhealthy
    live: bool = True  # start the image, see it healthy, stop its process, and see it unhealthy


@dataclass(frozen=True)
class Metadata:
    """``[image]``: the image's configuration."""

    user: str | None = None  # as the image writes it
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None  # all of them, such as ``8000/tcp``
    volumes: tuple[str, ...] | None = ()  # all mount points
    stop_signal: str | None = None
    architectures: tuple[str, ...] | None = None  # it has one of these
    env: Mapping[str, str] = field(default_factory=dict)
    env_absent: tuple[str, ...] = ()  # names that must not be set
    labels: Mapping[str, str] = field(default_factory=dict)
    health: Health = field(default_factory=Health)


@dataclass(frozen=True)
class Base:
    """``[base]``: the base image."""

    names: tuple[str, ...] = ()  # allowed references; empty for any but ``latest``
    # Allowed digests; empty for the one that the engine or the registry has now
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packages:
    """``[packages]``: Debian packages and Python distributions."""

    absent: tuple[str, ...] = ()  # names, with wildcards, that must not be there
    present: tuple[str, ...] = ()  # names that must be there
    programs_absent: tuple[str, ...] = ()  # executables that no folder for programs may have
    targets: tuple[str, ...] = ("production",)  # the others keep a shell and a package manager


@dataclass(frozen=True)
class ExpectedFile:
    """``[[file]]``: a path."""

    path: str  # absolute; with the wildcard ``*`` each matching path is meant
    exists: bool = True  # False when it must be absent
    kind: str | None = None  # ``file``, ``folder`` or ``symlink``
    owner: str | None = None
    mode: str | None = None  # permission bits in octal digits, such as ``0755``
    executable: bool | None = None  # by every user
    contains: tuple[str, ...] = ()  # regular expressions, each found in its content
    lacks: tuple[str, ...] = ()  # regular expressions, none found in its content
    sha256: str | None = None
    targets: tuple[str, ...] = ()  # empty for all


@dataclass(frozen=True)
class ExpectedCommand:
    """``[[command]]``: a command inside a container, restricted as in production."""

    run: tuple[str, ...]  # arguments for the image's entry point
    exit: int = 0
    stdout: tuple[str, ...] = ()  # regular expressions, each found on standard output
    stdout_lacks: tuple[str, ...] = ()  # regular expressions, none found there
    stderr: tuple[str, ...] = ()  # regular expressions, each found on standard error
    stderr_lacks: tuple[str, ...] = ()  # regular expressions, none found there
    env: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()  # empty for all


@dataclass(frozen=True)
class Security:
    """``[security]``: the gate's own settings."""

    # Folders with the application's code, which its user must not be able to change
    sources: tuple[str, ...] = ("/app", "/opt", "/usr", "/lib")
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Audit:
    """``[audit]``: where known vulnerabilities are looked up, and which of them count."""

    service: str = OSV  # address of a service with the OSV protocol, up to its version: ``https://host/v1``
    # Exported database, a folder or zip file relative to the project, to ask instead of the service
    database: str = ""
    oldest: int = 7  # most days since the database's last update
    severity: str = "low"  # the least that counts: low, medium, high or critical; unrated ones always count
    fixable_only: bool = False  # let vulnerabilities without a fixed version pass
    # Those that must be installed, of trivy, grype and osv-scanner; others run where they are
    scanners: tuple[str, ...] = ()
    # Reasons for accepting files of no package, by path with wildcards
    unchecked: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Licences:
    """``[licences]``: the licences that the image may contain."""

    allow: tuple[str, ...] = ()  # SPDX identifiers, with wildcards, for any component
    # Further ones for Debian packages, which are unchanged parts of the system
    allow_debian: tuple[str, ...] = ()
    # SPDX expression by component name, where its own metadata names none or a wrong one
    declared: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Parity:
    """``[parity]``: where production may differ from slim."""

    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Expectations:
    image: Metadata = field(default_factory=Metadata)
    base: Base = field(default_factory=Base)
    packages: Packages = field(default_factory=Packages)
    file: tuple[ExpectedFile, ...] = ()
    command: tuple[ExpectedCommand, ...] = ()
    security: Security = field(default_factory=Security)
    audit: Audit = field(default_factory=Audit)
    licences: Licences = field(default_factory=Licences)
    parity: Parity = field(default_factory=Parity)
