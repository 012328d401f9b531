"""Decide the one buildx command, without running it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from drydock.build import identity
from drydock.build.errors import BadDockerfile
from drydock.engine import find
from drydock.errors import BadConfiguration
from drydock.project import Project
from drydock.project.dockerfile import stages
from drydock.project.network import index_credentials, index_variable, proxy_variables

# The targets for users; other stages only serve these.
OFFERED = ("production", "slim", "builder", "test")


# Makes buildx 0.14 and newer write BuildKit's whole record of the build into the metadata. What
# buildx asks git about takes six processes, and drydock knows it.
RECORD = {"BUILDX_METADATA_PROVENANCE": "max", "BUILDX_GIT_INFO": "false"}
NONE: Mapping[str, str] = {}
# Passes the credentials of named indexes to buildx, which mounts them as a secret.
CREDENTIALS = "DRYDOCK_INDEX_CREDENTIALS"


@dataclass(frozen=True)
class Options:
    target: str = "production"
    reference: str = ""  # the result's tag; empty for none
    no_cache: bool = False
    platforms: tuple[str, ...] = ()  # such as `linux/arm64`; empty for the engine's own
    builder: str = ""  # of buildx; empty for the selected one
    base: str = ""  # the image on the engine to start from, which a builder outside the engine must be given
    cache_from: tuple[str, ...] = ()  # in buildx's syntax
    cache_to: tuple[str, ...] = ()  # in buildx's syntax
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    context: Path | None = None  # the project's root by default
    dockerfile: Path | None = None  # the context's by default
    contexts: Mapping[str, Path] = field(default_factory=dict)  # folders by the stage that they replace
    # Prefix of cache mounts' ids: a new one starts with empty mounts and leaves the user's own alone.
    mount_namespace: str = ""
    # `src=FILE` or `env=NAME` by id; they win over the machine's certificates and package index.
    secrets: Mapping[str, str] = field(default_factory=dict)

    def but(self, **changes: object) -> Self:
        return replace(self, **changes)  # type: ignore[arg-type]


def tracing(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return variables that switch traces off, unless the user has them sent somewhere.

    BuildKit would write each build's trace into its database after the build, which nothing of drydock reads.
    """
    wanted = any(name.startswith("OTEL_") for name in environment)
    return {} if wanted else {"OTEL_TRACES_SAMPLER": "always_off"}


def arguments(
    project: Project,
    options: Options,
    *,
    ca_bundle: Path | None,
    outputs: Path,
    images: Mapping[str, str] = NONE,
    environment: Mapping[str, str] = os.environ,
) -> list[str]:
    """Return the buildx command line.

    Args:
        ca_bundle: For downloads in RUN steps, as a secret.
        images: Addresses of images that the builder does not find by itself, by reference.
    """
    secrets = given_secrets(project, options, ca_bundle, environment)
    return [
        *(*find.buildx(), "build", "--progress=rawjson"),
        *(f"--build-context={familiar(name)}={address}" for name, address in sorted(images.items())),
        *identity.arguments(outputs),
        # A provenance in the image has times, which would give equal builds different digests.
        "--provenance=false",
        *([f"--tag={options.reference}"] if options.reference else []),
        *(["--load"] if len(options.platforms) < 2 else []),
        *shared_arguments(project, options, secrets, environment),
    ]


def given_secrets(
    project: Project, options: Options, ca_bundle: Path | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the build's secrets, as `src=FILE` or `env=NAME` by id."""
    secrets = {"ca": f"src={ca_bundle}"} if ca_bundle else {}
    # A package index's address may hold a password: only its variable's name is in the arguments.
    if index := index_variable(environment):
        secrets["index"] = f"env={index}"
    if index_credentials(project.root, environment):
        secrets["indexes"] = f"env={CREDENTIALS}"
    return {**secrets, **options.secrets}


def shared_arguments(
    project: Project, options: Options, secrets: Mapping[str, str], environment: Mapping[str, str]
) -> list[str]:
    """Return the arguments that buildx and Podman spell alike, the context last."""
    build_args = {**proxy_variables(environment), **options.build_args}
    if options.mount_namespace:
        build_args["BUILDKIT_CACHE_MOUNT_NS"] = options.mount_namespace
    return [
        f"--file={dockerfile(project, options)}",
        *(f"--build-context={name}={folder}" for name, folder in sorted(options.contexts.items())),
        f"--target={options.target}",
        *([f"--platform={','.join(options.platforms)}"] if options.platforms else []),
        *(["--no-cache"] if options.no_cache else []),
        *(f"--cache-from={source}" for source in options.cache_from),
        *(f"--cache-to={destination}" for destination in options.cache_to),
        *(f"--secret=id={name},{source}" for name, source in sorted(secrets.items())),
        *(f"--build-arg={key}={text}" for key, text in sorted(build_args.items())),
        *(f"--label={key}={text}" for key, text in sorted(options.labels.items())),
        str(options.context or project.root),
    ]


def familiar(reference: str) -> str:
    """Return a reference as BuildKit looks it up among the named contexts."""
    return reference.removeprefix("docker.io/").removeprefix("library/").removesuffix(":latest")


def dockerfile(project: Project, options: Options) -> Path:
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
