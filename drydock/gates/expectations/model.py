"""What a project expects of its image, as ``image/expectations.toml`` says it.

Each class is a table of that file, each field a key of it, with ``-`` for ``_``. A field that is None is not
checked. Where a text is compared, one that begins with ``~`` is a regular expression for all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydock.gates.expectations.findings import Ignore

OSV = "https://api.osv.dev/v1"


@dataclass(frozen=True)
class Health:
    """``[image.health]``: what HEALTHCHECK is to be, and what it is to do."""

    test: tuple[str, ...] | None = None  # the command, without the leading CMD
    interval: int = 30  # most seconds between two probes
    timeout: int = 10  # most seconds that one may take
    retries: int = 3  # most failures before the container counts as unhealthy
    live: bool = True  # start the image, see it healthy, stop its process, and see it unhealthy


@dataclass(frozen=True)
class Metadata:
    """``[image]``: the image's configuration."""

    user: str | None = None  # as the image writes it
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None  # such as ``8000/tcp``, all of them
    volumes: tuple[str, ...] | None = ()  # mount points, all of them
    stop_signal: str | None = None
    architectures: tuple[str, ...] | None = None  # of which it has one
    env: Mapping[str, str] = field(default_factory=dict)
    env_absent: tuple[str, ...] = ()  # names that must not be set
    labels: Mapping[str, str] = field(default_factory=dict)
    health: Health = field(default_factory=Health)


@dataclass(frozen=True)
class Base:
    """``[base]``: what the image stands on."""

    names: tuple[str, ...] = ()  # references, of which it is one; empty for any but ``latest``
    # Digests, of which it has one; empty for the one that the engine or the registry has now
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packages:
    """``[packages]``: Debian packages and Python distributions."""

    absent: tuple[str, ...] = ()  # names, with wildcards, that must not be there
    present: tuple[str, ...] = ()  # names that must be there
    programs_absent: tuple[str, ...] = ()  # names of executables that must be in no folder for programs
    # Which targets this is about; the others keep a shell and a package manager
    targets: tuple[str, ...] = ("production",)


@dataclass(frozen=True)
class ExpectedFile:
    """``[[file]]``: a path."""

    path: str  # absolute; ``*`` stands for any part of it, and then each path that matches is meant
    exists: bool = True  # whether it must be there, or must not
    kind: str | None = None  # ``file``, ``folder`` or ``symlink``
    owner: str | None = None
    mode: str | None = None  # permission bits in octal digits, such as ``0755``
    executable: bool | None = None  # whether everybody may execute it
    contains: tuple[str, ...] = ()  # regular expressions, each found in its content
    lacks: tuple[str, ...] = ()  # regular expressions, none found in its content
    sha256: str | None = None
    targets: tuple[str, ...] = ()  # which targets this is about; empty for all


@dataclass(frozen=True)
class ExpectedCommand:
    """``[[command]]``: a command inside a container, restricted as in production."""

    run: tuple[str, ...]  # arguments for the image's entry point
    exit: int = 0
    stdout: tuple[str, ...] = ()  # regular expressions, each found on standard output
    stdout_lacks: tuple[str, ...] = ()  # regular expressions, none found there
    stderr: tuple[str, ...] = ()  # regular expressions, each found on standard error
    stderr_lacks: tuple[str, ...] = ()  # regular expressions, none found there
    env: Mapping[str, str] = field(default_factory=dict)  # variables for the container
    targets: tuple[str, ...] = ()  # which targets this is about; empty for all


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
    # Folder or zip file with an export of that database, asked instead of the service; relative to the
    # project
    database: str = ""
    oldest: int = 7  # most days since the database was brought up to date
    # The least severity that counts: low, medium, high or critical. What is not rated counts
    severity: str = "low"
    fixable_only: bool = False  # let a vulnerability pass for which no mended version exists
    # Use Trivy and Grype in addition where they are installed; one that is named here must be
    scanners: tuple[str, ...] = ()
    # Files of no package, with wildcards, that no source knows anything about, and why that is accepted
    unchecked: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Licences:
    """``[licences]``: what may be in the image."""

    allow: tuple[str, ...] = ()  # SPDX identifiers, with wildcards, that any component may have
    # Further ones for Debian packages: programs and libraries of the system, unchanged
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
    """The whole file."""

    image: Metadata = field(default_factory=Metadata)
    base: Base = field(default_factory=Base)  # what it stands on
    packages: Packages = field(default_factory=Packages)
    file: tuple[ExpectedFile, ...] = ()
    command: tuple[ExpectedCommand, ...] = ()
    security: Security = field(default_factory=Security)  # settings of `nox -s security`
    audit: Audit = field(default_factory=Audit)  # settings of `nox -s audit`
    licences: Licences = field(default_factory=Licences)  # settings of `nox -s licences`
    parity: Parity = field(default_factory=Parity)  # settings of `nox -s parity`
