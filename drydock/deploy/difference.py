"""Compare an overlay with a cluster, field by field."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from drydock import command
from drydock.deploy import manifests
from drydock.deploy.errors import ApplyFailed
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest

# Fields that the API server writes itself, which say nothing about the wanted state.
OWN_METADATA = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
OWN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")
# kustomize ends a generated name in a hash of the content.
_HASHED = re.compile(r"^(?P<stem>.+)-[a-z0-9]{10}$")
_ABSENT = object()


def difference(kubectl: Kubectl, wanted: Sequence[Manifest]) -> list[str]:
    """Return the differences of a cluster from manifests, as lines; values of Secrets are not shown."""
    # Each deployment replaces Jobs, so their differences say nothing.
    compared = [one for one in wanted if one.kind != "Job"]
    # Without its namespace the server cannot try an object; and nothing exists to compare with.
    places = {one.namespace for one in compared if one.namespace}
    if any(kubectl.json(f"namespace/{place}") is None for place in sorted(places)):
        return [f"+ {one.title}" for one in compared]
    stream = manifests.dump(compared)
    found = kubectl.run("get", "--filename=-", "--ignore-not-found", "--output=json", stdin=stream).stdout
    try:
        tried = kubectl.run("apply", "--filename=-", "--dry-run=server", "--output=json", stdin=stream)
    except command.CommandFailed as error:
        raise refused(error) from error
    live, merged = _by_title(found), _by_title(tried.stdout)
    return [line for title, one in merged.items() for line in _of_object(kubectl, title, one, live)]


def _by_title(text: str) -> dict[str, Mapping[str, Any]]:
    """Return the objects of kubectl's JSON by title: it prints a list, one object, or nothing."""
    content = json.loads(text) if text.strip() else {"items": []}
    return {Manifest(one).title: one for one in content.get("items", [content])}


def _of_object(
    kubectl: Kubectl, title: str, merged: Mapping[str, Any], live: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    before = _replaced(kubectl, merged, live)
    if before is not None:
        mark = "~" if title in live else "+"
        replaced = f"{mark} {title}, in place of {Manifest(before).title}"
        return [replaced, *changes(before.get("data", {}), merged.get("data", {}))]
    if title not in live:
        return [f"+ {title}"]
    lines = list(changes(plain(live[title]), plain(merged), secret=merged["kind"] == "Secret"))
    return [f"~ {title}", *lines] if lines else []


def _replaced(
    kubectl: Kubectl, merged: Mapping[str, Any], live: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Return the running pods' ConfigMap that one of the same stem replaces; None without one."""
    new = _HASHED.match(str(merged["metadata"]["name"]))
    if merged["kind"] != "ConfigMap" or not new:
        return None
    place = f"--namespace={merged['metadata']['namespace']}"
    for one in live.values():
        for name in sorted(manifests.config_maps_needed(Manifest(one))):
            old = _HASHED.match(name)
            if old and old["stem"] == new["stem"] and name != new.string:
                return cast("Mapping[str, Any] | None", kubectl.json(f"configmap/{name}", place))
    return None


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without the API server's own fields."""
    metadata = {key: value for key, value in content["metadata"].items() if key not in OWN_METADATA}
    annotations = metadata.pop("annotations", {})
    metadata["annotations"] = {key: value for key, value in annotations.items() if key not in OWN_ANNOTATIONS}
    return {key: value for key, value in content.items() if key != "status"} | {"metadata": metadata}


def changes(old: Any, new: Any, path: str = "", *, secret: bool = False) -> Iterator[str]:
    """Yield a line for each field that differs, such as ``spec.replicas: 1 → 2``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*new, *(key for key in old if key not in new)]:
            inner = f"{path}.{key}" if path else str(key)
            yield from changes(old.get(key, _ABSENT), new.get(key, _ABSENT), inner, secret=secret)
    elif _named(old) and _named(new):
        before, after = ({one["name"]: one for one in values} for values in (old, new))
        for name in [*after, *(name for name in before if name not in after)]:
            inner = f"{path}[{name}]"
            yield from changes(before.get(name, _ABSENT), after.get(name, _ABSENT), inner, secret=secret)
    elif old != new:
        hidden = secret and path.startswith(("data", "stringData"))
        yield f"    {path}: " + ("changed" if hidden else f"{_shown(old)} → {_shown(new)}")


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) and "name" in one for one in value)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value)


def refused(error: command.CommandFailed) -> ApplyFailed:
    """Turn the API server's refusal into an error, in its own words."""
    lines = error.completed.stderr.strip().splitlines() or ["no output"]
    # kubectl lists several causes of a refusal below its first line.
    causes = [line.strip().removeprefix("* ") for line in lines[1:] if line.strip().startswith("* ")]
    reason = " ".join([lines[0].strip().removeprefix("error: "), "; ".join(causes)]).strip()
    return ApplyFailed(reason=reason, evidence="\n".join(lines))
