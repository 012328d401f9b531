"""Check references between objects, names, enumerations and quantities, which scanners miss."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from drydock.deploy import manifests
from drydock.deploy.manifests import Manifest

Check = Callable[[Manifest, Sequence[Manifest]], Iterator[str]]

_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i|[eE][0-9]+)?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
# Fields that take one of a few words, which the published schemas leave open.
ENUMS: Mapping[str, frozenset[str]] = {
    "imagePullPolicy": frozenset({"Always", "IfNotPresent", "Never"}),
    "restartPolicy": frozenset({"Always", "OnFailure", "Never"}),
    "whenUnsatisfiable": frozenset({"DoNotSchedule", "ScheduleAnyway"}),
    "protocol": frozenset({"TCP", "UDP", "SCTP"}),
    "fsGroupChangePolicy": frozenset({"Always", "OnRootMismatch"}),
    "scheme": frozenset({"HTTP", "HTTPS"}),
}
SECCOMP = frozenset({"RuntimeDefault", "Localhost", "Unconfined"})
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
NUMBERS = ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")
LONG_RUNNING = ("Deployment", "StatefulSet", "DaemonSet")


def check(wanted: Sequence[Manifest]) -> Iterator[tuple[Manifest, str, str]]:
    """Yield every fault with its object and the name of the check that found it."""
    for manifest in wanted:
        for name, one in CHECKS.items():
            for text in one(manifest, wanted):
                yield manifest, name, text


def probe_ports(manifest: Manifest, _: Sequence[Manifest]) -> Iterator[str]:
    """A probe asks a port that its container has."""
    for container in manifest.containers:
        named = {port.get("name") for port in container.get("ports", [])}
        numbered = {port["containerPort"] for port in container.get("ports", [])}
        for probe in PROBES:
            for action in ("httpGet", "tcpSocket"):
                port = container.get(probe, {}).get(action, {}).get("port")
                if port is not None and port not in named | numbered:
                    yield f"{probe} of {container['name']} asks port {port!r}, which it does not have"


def probes(manifest: Manifest, _: Sequence[Manifest]) -> Iterator[str]:
    """A long-running container has three probes, and liveness is not readiness."""
    if manifest.kind not in LONG_RUNNING:
        return
    for container in manifest.pod.get("containers", []):
        for probe in PROBES:
            if probe not in container:
                yield f"{container['name']} has no {probe}"
        paths = [container.get(probe, {}).get("httpGet", {}).get("path") for probe in PROBES[1:]]
        if paths[0] and paths[0] == paths[1]:
            yield f"{container['name']} has one path, {paths[0]}, for liveness and readiness"


def selectors(manifest: Manifest, wanted: Sequence[Manifest]) -> Iterator[str]:
    """A selector matches the labels of some pods."""
    spec = manifest.content.get("spec", {})
    pods = [manifest] if manifest.kind in LONG_RUNNING else [one for one in wanted if one.template]
    selector: Mapping[str, Any] = spec.get("selector") or spec.get("podSelector") or {}
    labels = selector.get("matchLabels", {}) if manifest.kind != "Service" else selector
    if labels and not any(labels.items() <= _labels(pod).items() for pod in pods):
        yield f"its selector {dict(labels)} matches no pod"


def _labels(workload: Manifest) -> dict[str, str]:
    return dict(workload.template.get("metadata", {}).get("labels", {}))


def service_ports(manifest: Manifest, wanted: Sequence[Manifest]) -> Iterator[str]:
    """A Service routes to a port that its pods have."""
    if manifest.kind != "Service":
        return
    selector = dict(manifest.content["spec"].get("selector") or {})
    for one in wanted:
        if one.template and selector.items() <= _labels(one).items():
            ports = [port for container in one.containers for port in container.get("ports", [])]
            have = {port.get("name") for port in ports} | {port["containerPort"] for port in ports}
            for port in manifest.content["spec"].get("ports", []):
                target = port.get("targetPort", port["port"])
                if target not in have:
                    yield f"leads to port {target!r}, which {one.title} does not have"


def references(manifest: Manifest, wanted: Sequence[Manifest]) -> Iterator[str]:
    """The manifests include all that a pod needs; Secrets have a check of their own."""
    have = {(one.kind, one.name) for one in wanted}
    for name in sorted(manifests.config_maps_needed(manifest)):
        if ("ConfigMap", name) not in have:
            yield f"needs ConfigMap {name}, which does not exist"
    account = manifest.pod.get("serviceAccountName")
    if account and ("ServiceAccount", account) not in have:
        yield f"needs ServiceAccount {account}, which does not exist"
    for container in manifest.containers:
        volumes = {volume["name"] for volume in manifest.pod.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{container['name']} mounts volume {mount['name']}, which does not exist"
    target = manifest.content.get("spec", {}).get("scaleTargetRef")
    if target and (target["kind"], target["name"]) not in have:
        yield f"scales {target['kind']} {target['name']}, which does not exist"


def words(manifest: Manifest, _: Sequence[Manifest]) -> Iterator[str]:
    """Enumerated fields have a known value, and names are legal."""
    if not _NAME.fullmatch(manifest.name):
        yield f"{manifest.name!r} is not a valid name"
    for path, value in manifests.leaves(manifest.content):
        key = path.rpartition(".")[2]
        if key in ENUMS and value not in ENUMS[key]:
            yield f"{path} is {value!r}, not one of {', '.join(sorted(ENUMS[key]))}"
        if path.endswith("seccompProfile.type") and value not in SECCOMP:
            yield f"{path} is {value!r}, not one of {', '.join(sorted(SECCOMP))}"


def quantities(manifest: Manifest, _: Sequence[Manifest]) -> Iterator[str]:
    """Every container requests and limits resources, in quantities; times are numbers above 0."""
    for container in manifest.containers:
        resources = container.get("resources", {})
        for kind in ("requests", "limits"):
            for resource in ("cpu", "memory", "ephemeral-storage"):
                value = resources.get(kind, {}).get(resource)
                if value is None:
                    yield f"{container['name']} has no {kind} for {resource}"
                elif not _QUANTITY.fullmatch(str(value)):
                    yield f"{container['name']} {kind} {resource} is {value!r}, which is not a quantity"
    for path, value in manifests.leaves(manifest.content):
        key = path.rpartition(".")[2]
        if key == "sizeLimit" and not _QUANTITY.fullmatch(str(value)):
            yield f"{path} is {value!r}, which is not a quantity"
        if key in NUMBERS and (not isinstance(value, int) or value < 1):
            yield f"{path} is {value!r}, which is not a number above 0"


def environment(manifest: Manifest, _: Sequence[Manifest]) -> Iterator[str]:
    """Pods take no variables from Services, and no secret from a variable."""
    if manifest.pod and manifest.pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks is not false: a Service's name can overwrite a setting"
    for container in manifest.containers:
        whole = any("secretRef" in source for source in container.get("envFrom", []))
        values = [variable.get("valueFrom", {}) for variable in container.get("env", [])]
        if whole or any("secretKeyRef" in value for value in values):
            yield f"{container['name']} has a secret in its environment; mount it as a file"


_CHECKS = (probe_ports, probes, selectors, service_ports, references, words, quantities, environment)
CHECKS: Mapping[str, Check] = {one.__name__.replace("_", "-"): one for one in _CHECKS}


def missing_secrets(wanted: Sequence[Manifest], kept: Collection[str]) -> Iterator[tuple[Manifest, str]]:
    """Yield each Secret that pods need and no manifest or sample provides."""
    brought = {one.name for one in wanted if one.kind == "Secret"} | set(kept)
    for manifest in wanted:
        for name in sorted(manifests.secrets_needed(manifest) - brought):
            yield manifest, f"needs Secret {name}, which no overlay and no [samples] brings"


def unknown_names(
    wanted: Sequence[Manifest], image: str, known: frozenset[str]
) -> Iterator[tuple[Manifest, str]]:
    """Yield each variable of the application's containers that the application does not read."""
    for manifest in wanted:
        for container in manifest.containers:
            if manifests.repository(str(container["image"])) == image:
                for name in sorted(set(manifests.environment(container, wanted)) - known):
                    yield manifest, f"sets {name}, which the application does not know"
