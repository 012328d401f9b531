"""How an image came to be, as the predicate of SLSA provenance 1.

Where buildx tells what BuildKit recorded, that is taken (see `buildkit`). A buildx older than 0.14 does
not, and then drydock states what it told buildx to do. Its BUILD_TYPE means: ``docker buildx build`` of one
target of the source's Dockerfile, ``externalParameters`` being what the caller chose (target, build
arguments, platforms), ``internalParameters`` what drydock added, and ``resolvedDependencies`` the source
and the base image. No clock is read: equal builds give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drydock import command, secrets
from drydock.engine import Engine
from drydock.project.git import Checkout
from drydock.state.receipts import Waiver

if TYPE_CHECKING:
    from drydock.base import Base

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:drydock:buildx-dockerfile:1"

# A predicate of PREDICATE_TYPE, as JSON values.
Predicate = dict[str, Any]


@dataclass(frozen=True)
class Build:
    """A build, and its builder."""

    target: str
    build_args: Mapping[str, str]
    builder: str
    versions: Mapping[str, str]
    platforms: tuple[str, ...] = ()
    added: frozenset[str] = field(default_factory=frozenset)


def observed(
    engine: Engine,
    target: str,
    build_args: Mapping[str, str],
    platforms: tuple[str, ...] = (),
    added: frozenset[str] = frozenset(),
) -> Build:
    """Describe a build on an engine, with the versions of what took part."""
    with engine.answering():
        identity = str(engine.sdk.info().get("ID", ""))
        version = str(engine.sdk.version()["Version"])
    buildx = command.run(["docker", "buildx", "version"], env=engine.environment).stdout.split()
    versions = {"docker-engine": version, "docker-buildx": buildx[1] if len(buildx) > 1 else ""}
    return Build(target, build_args, f"urn:drydock:engine:{identity}", versions, platforms, added)


def predicate(checkout: Checkout, base: Base, build: Build) -> Predicate:
    """Say how an image was built, from what drydock told buildx to do."""
    arguments = {key: secrets.public(key, text) for key, text in sorted(build.build_args.items())}
    chosen = {key: text for key, text in arguments.items() if key not in build.added}
    added = {key: text for key, text in arguments.items() if key in build.added}
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "target": build.target,
                "buildArgs": chosen,
                "platforms": list(build.platforms),
            },
            "internalParameters": {"buildArgs": added},
            "resolvedDependencies": dependencies(checkout, base),
        },
        "runDetails": {"builder": {"id": build.builder, "version": dict(sorted(build.versions.items()))}},
    }


def stated(made: Predicate, waiver: Waiver | None = None) -> bytes:
    """Return what the provenance of an image states, in JSON."""
    definition = dict(made["buildDefinition"])
    if waiver:
        forced = {"reason": waiver.reason, "missing": list(waiver.missing)}
        definition["internalParameters"] = {**definition["internalParameters"], "forced": forced}
    document = {**made, "buildDefinition": definition}
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def dependencies(checkout: Checkout, base: Base) -> list[dict[str, Any]]:
    """Describe the source and the base image of a build."""
    return [*_source(checkout), _base(base)]


def _source(checkout: Checkout) -> list[dict[str, Any]]:
    if not checkout.revision:
        return []
    descriptor: dict[str, Any] = {"name": "source", "digest": {"gitCommit": checkout.revision}}
    if checkout.url:
        descriptor["uri"] = f"git+{checkout.url}@{checkout.revision}"
    if checkout.dirty:
        descriptor["annotations"] = {"dirty": True}
    return [descriptor]


def _base(base: Base) -> dict[str, Any]:
    return {"name": base.reference, "digest": _digest(base.digest), "annotations": {"kind": base.kind}}


def _digest(digest: str) -> dict[str, str]:
    algorithm, _, value = digest.partition(":")
    return {algorithm: value}
