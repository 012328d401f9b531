"""Manifests as data: their parts, and placeholders that must not remain."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

# The kinds whose pods this module looks into.
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
# Examples in an overlay that the user must replace; example.com is a reserved domain.
PLACEHOLDERS = ("SET-ME", "example.com", "@sha256:" + 64 * "0")


@dataclass(frozen=True)
class Manifest:
    content: Mapping[str, Any]  # the object as YAML values

    @property
    def kind(self) -> str:
        return str(self.content.get("kind", ""))

    @property
    def name(self) -> str:
        return str(self.content.get("metadata", {}).get("name", ""))

    @property
    def namespace(self) -> str:
        """Its namespace; empty for kinds that have none."""
        return str(self.content.get("metadata", {}).get("namespace", ""))

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self.content.get("metadata", {}).get("labels") or {})

    @property
    def title(self) -> str:
        """Its kind and name, as kubectl writes them."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def template(self) -> Mapping[str, Any]:
        """The template of a workload's pods; empty for other kinds."""
        return dict(self.content.get("spec", {}).get("template", {})) if self.kind in WORKLOADS else {}

    @property
    def pod(self) -> Mapping[str, Any]:
        """The specification of a workload's pods; empty for other kinds."""
        return dict(self.template.get("spec", {}))

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        return [*self.pod.get("initContainers", []), *self.pod.get("containers", [])]


def parse(text: str) -> list[Manifest]:
    return [Manifest(document) for document in yaml.safe_load_all(text) if document]


def dump(manifests: Iterable[Manifest]) -> str:
    return yaml.safe_dump_all([manifest.content for manifest in manifests], sort_keys=False, width=120)


def with_image(manifests: Iterable[Manifest], name: str, image: str) -> list[Manifest]:
    """Return the manifests with another image in every container of the application."""
    return [Manifest(_replaced(manifest.content, name, image)) for manifest in manifests]


def _replaced(value: Any, name: str, image: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: image
            if key == "image" and isinstance(item, str) and repository(item) == name
            else _replaced(item, name, image)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_replaced(item, name, image) for item in value]
    return value


def repository(reference: str) -> str:
    """Return the last part of an image reference, without registry, tag and digest."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def images(manifests: Iterable[Manifest]) -> list[str]:
    return sorted({str(one["image"]) for manifest in manifests for one in manifest.containers})


def placeholders(manifests: Iterable[Manifest]) -> list[str]:
    """Return the remaining placeholders, as ``kind/name: value``."""
    return [
        f"{manifest.title}: {value}"
        for manifest in manifests
        for value in sorted({str(value) for _, value in leaves(manifest.content)})
        if any(word in value for word in PLACEHOLDERS)
    ]


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield the plain values in a YAML value, each with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def secrets_needed(manifest: Manifest) -> set[str]:
    """Return the Secrets without which a workload's pods cannot start."""
    return _needed(manifest, "secret", "secretName")


def config_maps_needed(manifest: Manifest) -> set[str]:
    """Return the ConfigMaps without which a workload's pods cannot start."""
    return _needed(manifest, "configMap", "name")


def _needed(manifest: Manifest, kind: str, key: str) -> set[str]:
    found = [(volume.get(kind, {}), key) for volume in manifest.pod.get("volumes", [])]
    for container in manifest.containers:
        found += [(source.get(f"{kind}Ref", {}), "name") for source in container.get("envFrom", [])]
        values = (variable.get("valueFrom", {}) for variable in container.get("env", []))
        found += [(value.get(f"{kind}KeyRef", {}), "name") for value in values]
    return {str(source[name]) for source, name in found if source and not source.get("optional")}


def environment(container: Mapping[str, Any], manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return the variables that a container gets from ConfigMaps of the manifests and from itself."""
    maps = {one.name: one.content.get("data", {}) for one in manifests if one.kind == "ConfigMap"}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        prefix = source.get("prefix", "")
        data = maps.get(source.get("configMapRef", {}).get("name"), {})
        found |= {f"{prefix}{name}": str(value) for name, value in data.items()}
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("configMapKeyRef")
        value = variable.get("value", "")
        if reference:
            value = maps.get(reference["name"], {}).get(reference["key"])
        found[str(variable["name"])] = str(value or "")
    return found
