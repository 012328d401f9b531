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
    """``[image.health]``: what HEALTHCHECK is to be, and what it is to do.

    Args:
        test: The command, without the leading CMD.
        interval: Most seconds between two probes.
        timeout: Most seconds that one may take.
        retries: Most failures before the container counts as unhealthy.
        live: Start the image, see it healthy, stop its process, and see it unhealthy.
    """

    test: tuple[str, ...] | None = None
    interval: int = 30
    timeout: int = 10
    retries: int = 3
    live: bool = True


@dataclass(frozen=True)
class Metadata:
    """``[image]``: the image's configuration.

    Args:
        user: As the image writes it.
        workdir: Absolute path.
        entrypoint: Its arguments.
        cmd: Its arguments.
        ports: Such as ``8000/tcp``, all of them.
        volumes: Mount points, all of them.
        stop_signal: Such as ``SIGTERM``.
        architectures: Of which it has one.
        env: Value by name.
        env_absent: Names that must not be set.
        labels: Value by name.
        health: What HEALTHCHECK is.
    """

    user: str | None = None
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None
    volumes: tuple[str, ...] | None = ()
    stop_signal: str | None = None
    architectures: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    env_absent: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    health: Health = field(default_factory=Health)


@dataclass(frozen=True)
class Base:
    """``[base]``: what the image stands on.

    Args:
        names: References, of which it is one; empty for any but ``latest``.
        digests: Digests, of which it has one; empty for the one that the engine or the registry has now.
    """

    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packages:
    """``[packages]``: Debian packages and Python distributions.

    Args:
        absent: Names, with wildcards, that must not be there.
        present: Names that must be there.
        programs_absent: Names of executables that must be in no folder for programs.
        targets: Which targets this is about; the others keep a shell and a package manager.
    """

    absent: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    programs_absent: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("production",)


@dataclass(frozen=True)
class ExpectedFile:
    """``[[file]]``: a path.

    Args:
        path: Absolute; ``*`` stands for any part of it, and then each path that matches is meant.
        exists: Whether it must be there, or must not.
        kind: ``file``, ``folder`` or ``symlink``.
        owner: ``uid:gid``.
        mode: Permission bits in octal digits, such as ``0755``.
        executable: Whether everybody may execute it.
        contains: Regular expressions, each found in its content.
        lacks: Regular expressions, none found in its content.
        sha256: Of its content.
        targets: Which targets this is about; empty for all.
    """

    path: str
    exists: bool = True
    kind: str | None = None
    owner: str | None = None
    mode: str | None = None
    executable: bool | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    sha256: str | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpectedCommand:
    """``[[command]]``: a command inside a container, restricted as in production.

    Args:
        run: Arguments for the image's entry point.
        exit: The exit code.
        stdout: Regular expressions, each found on standard output.
        stdout_lacks: Regular expressions, none found there.
        stderr: Regular expressions, each found on standard error.
        stderr_lacks: Regular expressions, none found there.
        env: Variables for the container.
        targets: Which targets this is about; empty for all.
    """

    run: tuple[str, ...]
    exit: int = 0
    stdout: tuple[str, ...] = ()
    stdout_lacks: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()
    stderr_lacks: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Security:
    """``[security]``: the gate's own settings.

    Args:
        sources: Folders with the application's code, which its user must not be able to change.
        ignore: What is accepted for a time.
    """

    sources: tuple[str, ...] = ("/app", "/opt", "/usr", "/lib")
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Audit:
    """``[audit]``: where known vulnerabilities are looked up, and which of them count.

    Args:
        service: Address of a service with the OSV protocol, up to its version: ``https://host/v1``.
        database: Folder or zip file with an export of that database, asked instead of the service; relative
            to the project.
        oldest: Most days since the database was brought up to date.
        severity: The least severity that counts: low, medium, high or critical. What is not rated counts.
        fixable_only: Let a vulnerability pass for which no mended version exists.
        scanners: Use Trivy and Grype in addition where they are installed; one that is named here must be.
        unchecked: Files of no package, with wildcards, that no source knows anything about, and why that is
            accepted.
        ignore: What is accepted for a time.
    """

    service: str = OSV
    database: str = ""
    oldest: int = 7
    severity: str = "low"
    fixable_only: bool = False
    scanners: tuple[str, ...] = ()
    unchecked: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Licences:
    """``[licences]``: what may be in the image.

    Args:
        allow: SPDX identifiers, with wildcards, that any component may have.
        allow_debian: Further ones for Debian packages: programs and libraries of the system, unchanged.
        declared: SPDX expression by component name, where its own metadata names none or a wrong one.
        ignore: What is accepted for a time.
    """

    allow: tuple[str, ...] = ()
    allow_debian: tuple[str, ...] = ()
    declared: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Expectations:
    """The whole file.

    Args:
        image: Its configuration.
        base: What it stands on.
        packages: What is installed.
        file: Paths.
        command: Commands.
        security: Settings of `nox -s security`.
        audit: Settings of `nox -s audit`.
        licences: Settings of `nox -s licences`.
    """

    image: Metadata = field(default_factory=Metadata)
    base: Base = field(default_factory=Base)
    packages: Packages = field(default_factory=Packages)
    file: tuple[ExpectedFile, ...] = ()
    command: tuple[ExpectedCommand, ...] = ()
    security: Security = field(default_factory=Security)
    audit: Audit = field(default_factory=Audit)
    licences: Licences = field(default_factory=Licences)
