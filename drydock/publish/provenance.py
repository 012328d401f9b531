"""How an image was built, as a predicate of SLSA provenance 1.

buildx 0.14 and newer write BuildKit's record of a build into the file of ``--metadata-file``, with any
driver. The record is SLSA provenance 0.2; it is converted as version 1 specifies under "Migrating from 0.2".
As an attestation inside the image it would give every build another digest, so it is attached to the pushed
image.

An older buildx writes none, so drydock states its own instructions to buildx. Its BUILD_TYPE means ``docker
buildx build`` of one target of the source's Dockerfile. ``externalParameters`` are the caller's choices
(target, build arguments, platforms), ``internalParameters`` drydock's additions, and ``resolvedDependencies``
the source and the base image. No clock is read: equal builds give equal bytes.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from drydock import command
from drydock.base import Base
from drydock.build import Options
from drydock.engine import Engine, find
from drydock.project.git import Checkout
from drydock.secrets import plain_urls, public
from drydock.state.receipts import Waiver

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:drydock:buildx-dockerfile:1"
# BuildKit's record in buildx's metadata, and its type.
KEY = "buildx.build.provenance"
BUILDKIT_TYPE = "https://mobyproject.org/buildkit@v1"
_ARGUMENT = re.compile(r"(?:build-arg:)?(\w+)")
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)

# A predicate of PREDICATE_TYPE, as JSON values.
Predicate = dict[str, Any]


def builder_of(engine: Engine) -> dict[str, Any]:
    """Describe an engine as a builder, with the versions of its tools."""
    with engine.answering():
        identity = str(engine.info.get("ID", ""))
        version = str(engine.version["Version"])
    if engine.podman:
        versions = {"podman": version}
    else:
        buildx = command.run([*find.buildx(), "version"], env=engine.environment).stdout.split()
        versions = {"docker-engine": version, "docker-buildx": buildx[1] if len(buildx) > 1 else ""}
    return {"id": f"urn:drydock:engine:{identity}", "version": dict(sorted(versions.items()))}


def predicate(
    checkout: Checkout, base: Base, options: Options, builder: Mapping[str, Any], added: Collection[str] = ()
) -> Predicate:
    """Describe how an image was built, from drydock's instructions to buildx.

    `added` names build arguments that drydock added.
    """
    arguments = {key: public(key, text) for key, text in sorted(options.build_args.items())}
    chosen = {key: text for key, text in arguments.items() if key not in added}
    own = {key: text for key, text in arguments.items() if key in added}
    platforms = list(options.platforms)
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"target": options.target, "buildArgs": chosen, "platforms": platforms},
            "internalParameters": {"buildArgs": own},
            "resolvedDependencies": dependencies(checkout, base),
        },
        "runDetails": {"builder": dict(builder)},
    }


def stated(made: Predicate, waiver: Waiver | None = None) -> bytes:
    """Return an image's provenance in JSON, with the waiver's reason if gates were missing."""
    definition = dict(made["buildDefinition"])
    if waiver:
        forced = {"reason": waiver.reason, "missing": list(waiver.missing)}
        definition["internalParameters"] = {**definition["internalParameters"], "forced": forced}
    document = {**made, "buildDefinition": definition}
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def dependencies(checkout: Checkout, base: Base) -> list[dict[str, Any]]:
    """Describe a build's source, if it has a commit, and its base image."""
    algorithm, _, value = base.digest.partition(":")
    below = {"name": base.reference, "digest": {algorithm: value}, "annotations": {"kind": base.kind}}
    if not checkout.revision:
        return [below]
    source: dict[str, Any] = {"name": "source", "digest": {"gitCommit": checkout.revision}}
    if checkout.url:
        source["uri"] = f"git+{checkout.url}@{checkout.revision}"
    if checkout.dirty:
        source["annotations"] = {"dirty": True}
    return [source, below]


def recorded(
    metadata: Mapping[str, Any], builder: str, known: Sequence[Mapping[str, Any]]
) -> Predicate | None:
    """Return BuildKit's own provenance of a build, without secrets; None if buildx did not return it."""
    found = metadata.get(KEY)
    if not isinstance(found, Mapping) or not found:
        return None
    return _complete(_withheld(found if "buildDefinition" in found else _migrated(found)), builder, known)


def _migrated(old: Mapping[str, Any]) -> dict[str, Any]:
    """Convert provenance of version 0.2 to version 1."""
    invocation, about = old.get("invocation", {}), old.get("metadata") or {}
    old_names = ("buildInvocationID", "buildStartedOn", "buildFinishedOn")
    times = dict(zip(old_names, ("invocationId", "startedOn", "finishedOn"), strict=True))
    internal = {"environment": invocation.get("environment"), "buildConfig": old.get("buildConfig")}
    internal |= {key: value for key, value in about.items() if key.startswith("https://")}
    return {
        "buildDefinition": {
            "buildType": old.get("buildType", BUILDKIT_TYPE),
            "externalParameters": {
                "configSource": invocation.get("configSource", {}),
                **invocation.get("parameters", {}),
            },
            "internalParameters": {key: value for key, value in internal.items() if value},
            "resolvedDependencies": list(old.get("materials") or ()),
        },
        "runDetails": {
            "builder": dict(old.get("builder") or {}),
            "metadata": {new: about[key] for key, new in times.items() if about.get(key)},
        },
    }


def _complete(predicate: dict[str, Any], builder: str, known: Sequence[Mapping[str, Any]]) -> Predicate:
    definition, run = predicate["buildDefinition"], predicate["runDetails"]
    found = definition.get("resolvedDependencies") or []
    digests = [entry.get("digest") for entry in found]
    more = (dict(entry) for entry in known if entry.get("digest") not in digests)
    definition["resolvedDependencies"] = [*found, *more]
    definition.setdefault("internalParameters", {})
    run["builder"] = {**run.get("builder", {}), "id": run.get("builder", {}).get("id") or builder}
    return predicate


def _withheld(value: Any, name: str = "") -> Any:
    """Return JSON values fit for publication: no secret in arguments, variables or addresses."""
    if isinstance(value, Mapping):
        return {key: _withheld(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_withheld(item) for item in value]
    if not isinstance(value, str):
        return value
    if argument := _ARGUMENT.fullmatch(name):
        return public(argument[1], value)
    if assignment := _ASSIGNMENT.fullmatch(value):
        return f"{assignment[1]}={public(assignment[1], assignment[2])}"
    return plain_urls(value)
