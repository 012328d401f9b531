"""Explain in one line why pods do not run. Pure functions over the cluster's JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Reasons that time does not fix: a person has to change something.
HOPELESS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "InvalidImageName"}
    | {"ErrImageNeverPull", "ImagePullBackOff", "CrashLoopBackOff"}
)
# A first crash may be due to a server that was not up yet; a second one is a pattern.
CRASHES = 2
OOM = "OOMKilled"
# EX_CONFIG of sysexits.h: a start refused its settings, and will refuse them again.
EX_CONFIG = 78


@dataclass(frozen=True)
class Trouble:
    """The cause that keeps a pod from running."""

    pod: str
    cause: str
    hopeless: bool  # whether waiting cannot help
    crashed: bool = False  # whether a container ended, so that its log tells more


def troubles(pods: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> list[Trouble]:
    """Return the troubles of pods, first those that waiting cannot fix."""
    found = [trouble for pod in pods for trouble in _of_pod(pod, events)]
    return sorted(found, key=lambda trouble: not trouble.hopeless)


def _of_pod(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[Trouble]:
    name = str(pod["metadata"]["name"])
    status = pod.get("status", {})
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        yield from _of_container(name, container)
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield Trouble(name, f"no node accepts it: {condition.get('message', '')}", hopeless=False)
    yield from _of_events(name, events)


def _of_container(pod: str, status: Mapping[str, Any]) -> Iterator[Trouble]:
    ended = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")
    waiting = status.get("state", {}).get("waiting") or {}
    reason = str(waiting.get("reason", ""))
    if ended and ended.get("exitCode"):
        code = int(ended["exitCode"])
        word = "used more memory than its limit" if ended.get("reason") == OOM else f"exited with {code}"
        if ended.get("message"):  # the container's runtime could not start it, and gives the reason
            word += f": {str(ended['message']).strip().partition(chr(10))[0]}"
        crashes = int(status.get("restartCount", 0))
        hopeless = crashes >= CRASHES or reason in HOPELESS or code == EX_CONFIG
        yield Trouble(pod, f"container {status['name']} {word}", hopeless, crashed=True)
    elif reason in HOPELESS or reason.startswith("ErrImage"):
        message = str(waiting.get("message", "")).strip().partition("\n")[0]
        yield Trouble(pod, f"{reason}: {message or status.get('image', '')}", reason in HOPELESS)


def _of_events(pod: str, events: Sequence[Mapping[str, Any]]) -> Iterator[Trouble]:
    """Yield troubles that only events report: failing sandboxes, mounts and probes."""
    mine = [event for event in events if event.get("involvedObject", {}).get("name") == pod]
    for reason in ("FailedCreatePodSandBox", "FailedMount", "Unhealthy"):
        messages = [str(event.get("message", "")) for event in mine if event.get("reason") == reason]
        if messages:
            yield Trouble(pod, messages[-1].strip().partition("\n")[0], hopeless=False)


def refused(replica_set: Mapping[str, Any]) -> str:
    """Return why the API server refuses a ReplicaSet's pods, such as Pod Security; empty when it does not."""
    for condition in replica_set.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition.get("message", ""))
    return ""


def from_log(log: str) -> str:
    """Return the most telling line of a log: the first ``error:`` line, or else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith("error:")]
    return (marked or lines[-1:] or [""])[0]


def describe(events: Sequence[Mapping[str, Any]], names: Sequence[str], newest: int = 8) -> str:
    """Return the newest warnings about some objects, one a line."""
    about = [event for event in events if event.get("involvedObject", {}).get("name") in names]
    about.sort(key=lambda event: str(event.get("lastTimestamp") or ""))
    lines = [
        f"  {event.get('reason')} {event['involvedObject']['name']}: {str(event.get('message', '')).strip()}"
        for event in about
        if event.get("type") == "Warning"
    ]
    return "\n".join(lines[-newest:])
