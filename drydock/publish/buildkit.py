"""BuildKit's own record of a build, as SLSA provenance 1.

buildx 0.14 and newer write BuildKit's record of a build into the file of ``--metadata-file``, whatever the
driver: as SLSA provenance 0.2, here put into the fields of version 1 as its specification says under
"Migrating from 0.2". Inside the image, as an attestation, it would give every build another digest; it is
attached to the pushed image instead. An older buildx writes none, and then `provenance` says what drydock
told it to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drydock.publish.provenance import Predicate
from drydock.secrets import plain_urls, public

# The key in buildx's metadata, and what makes buildx write all that BuildKit knows.
KEY = "buildx.build.provenance"
BUILD_TYPE = "https://mobyproject.org/buildkit@v1"
_ARGUMENT = re.compile(r"(?:build-arg:)?(\w+)")
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)


def recorded(
    metadata: Mapping[str, Any], builder: str, known: Sequence[Mapping[str, Any]]
) -> Predicate | None:
    """Return BuildKit's own provenance of a build, without secrets; None where buildx did not tell it."""
    found = metadata.get(KEY)
    if not isinstance(found, Mapping) or not found:
        return None
    return _complete(_withheld(found if "buildDefinition" in found else _migrated(found)), builder, known)


def _migrated(old: Mapping[str, Any]) -> dict[str, Any]:
    """Put provenance of version 0.2 into the fields of version 1."""
    invocation, about = old.get("invocation", {}), old.get("metadata") or {}
    times = {
        "buildInvocationID": "invocationId",
        "buildStartedOn": "startedOn",
        "buildFinishedOn": "finishedOn",
    }
    internal = {"environment": invocation.get("environment"), "buildConfig": old.get("buildConfig")}
    internal |= {key: value for key, value in about.items() if key.startswith("https://")}
    return {
        "buildDefinition": {
            "buildType": old.get("buildType", BUILD_TYPE),
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
    definition["resolvedDependencies"] = [
        *found,
        *(dict(entry) for entry in known if entry.get("digest") not in digests),
    ]
    definition.setdefault("internalParameters", {})
    run["builder"] = {**run.get("builder", {}), "id": run.get("builder", {}).get("id") or builder}
    return predicate


def _withheld(value: Any, name: str = "") -> Any:
    """Return JSON values fit to be published: no secret in arguments, variables or addresses."""
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
