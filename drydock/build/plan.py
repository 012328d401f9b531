"""The one buildx command, decided without running anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from drydock.build import identity
from drydock.build.errors import BadDockerfile
from drydock.errors import BadConfiguration
from drydock.project import Project
from drydock.project.dockerfile import stages
from drydock.project.network import index_credentials, index_variable, proxy_variables

# The targets for users; a Dockerfile may have more stages, which only serve these.
OFFERED = ("production", "slim", "builder", "test")


# Makes buildx 0.14 and newer write all that BuildKit recorded of the build into the metadata.
RECORD = {"BUILDX_METADATA_PROVENANCE": "max"}
# Hands the credentials of named indexes to buildx, which takes them for a secret.
CREDENTIALS = "DRYDOCK_INDEX_CREDENTIALS"


@dataclass(frozen=True)
class Options:
    """What a caller may vary about a build.

    Args:
        target: The Dockerfile stage to build.
        reference: The tag that the result gets; none leaves it untagged.
        no_cache: Run every step, cached or not.
        platforms: Such as ``linux/arm64``; empty for the engine's own.
        builder: A buildx builder; the engine's own when empty.
        cache_from: Cache sources in buildx's spelling.
        cache_to: Cache destinations in buildx's spelling.
        build_args: Values for the Dockerfile's ARGs.
        labels: Labels for the image.
        context: Another build context than the project's root.
        dockerfile: The Dockerfile; that of the context by default.
        contexts: Folders by the names of the stages whose place they take.
        mount_namespace: Prefix for the ids of cache mounts. A fresh one makes a build start with empty
            mounts and leaves the user's own alone.
        secrets: Sources in buildx's spelling (``src=FILE``, ``env=NAME``) by the id that a step mounts; these
            win over the machine's certificates and package index.
    """

    target: str = "production"
    reference: str = ""
    no_cache: bool = False
    platforms: tuple[str, ...] = ()
    builder: str = ""
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    context: Path | None = None
    dockerfile: Path | None = None
    contexts: Mapping[str, Path] = field(default_factory=dict)
    mount_namespace: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)

    def but(self, **changes: object) -> Options:
        """Return these options with some changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def arguments(
    project: Project,
    options: Options,
    *,
    ca_bundle: Path | None,
    outputs: Path,
    environment: Mapping[str, str] = os.environ,
) -> list[str]:
    """Return the buildx command line.

    Args:
        ca_bundle: Certificates that RUN steps need for downloads, passed as a secret; None for none.
    """
    context = options.context or project.root
    args = ["docker", "buildx", "build", "--progress=rawjson", f"--file={dockerfile(project, options)}"]
    args += [f"--build-context={name}={folder}" for name, folder in sorted(options.contexts.items())]
    args += [
        f"--target={options.target}",
        *identity.arguments(outputs),
        # Inside the image, the times in it would give equal builds different digests.
        "--provenance=false",
    ]
    if options.reference:
        args.append(f"--tag={options.reference}")
    if options.builder:
        args.append(f"--builder={options.builder}")
    if options.platforms:
        args.append(f"--platform={','.join(options.platforms)}")
    if len(options.platforms) < 2:
        args.append("--load")
    if options.no_cache:
        args.append("--no-cache")
    args += [f"--cache-from={source}" for source in options.cache_from]
    args += [f"--cache-to={destination}" for destination in options.cache_to]
    secrets = {"ca": f"src={ca_bundle}"} if ca_bundle else {}
    # The address of a package index may hold a password: only its variable's name is in the arguments.
    if index := index_variable(environment):
        secrets["index"] = f"env={index}"
    if index_credentials(environment):
        secrets["indexes"] = f"env={CREDENTIALS}"
    args += [
        f"--secret=id={name},{source}" for name, source in sorted({**secrets, **options.secrets}.items())
    ]
    build_args = dict(options.build_args)
    if options.mount_namespace:
        build_args["BUILDKIT_CACHE_MOUNT_NS"] = options.mount_namespace
    build_args = {**proxy_variables(environment), **build_args}
    args += [f"--build-arg={key}={text}" for key, text in sorted(build_args.items())]
    args += [f"--label={key}={text}" for key, text in sorted(options.labels.items())]
    return [*args, str(context)]


def dockerfile(project: Project, options: Options) -> Path:
    """Return the Dockerfile of a build."""
    return options.dockerfile or (options.context or project.root) / "Dockerfile"


def targets(dockerfile: Path) -> tuple[str, ...]:
    """Return the named stages of a Dockerfile, in order."""
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDockerfile(dockerfile=dockerfile, problem=f"cannot be read ({error})") from error
    return stages(text)


def key_values(option: str, given: tuple[str, ...]) -> dict[str, str]:
    """Return an option's ``KEY=VALUE`` arguments as a dictionary."""
    for item in given:
        if "=" not in item:
            raise BadConfiguration(where=f"{option} {item}", problem="no value", how="write KEY=VALUE")
    return dict(item.split("=", 1) for item in given)
