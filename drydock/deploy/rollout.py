"""Wait until a workload runs as described; raise as soon as it never will."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.deploy import diagnosis
from drydock.deploy.errors import RolloutFailed
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest
from drydock.progress import Say

POLL_SECONDS = 0.5
# All kinds that show a workload's progress and troubles, for one request at a time.
KINDS = "deployments,statefulsets,jobs,replicasets,pods,events"
# Together with one request to the cluster, a sign of life comes about every two seconds.
BEAT_SECONDS = 1.0
LOG_LINES = 20
# Time for the kubelet and the scheduler to notice and report that something is missing.
REPORT_SECONDS = 10.0
# The kubelet's answer instead of the log of a container that it removed before the pod's status said so.
REMOVED = "unable to retrieve container logs for "


Object = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    done: bool  # whether it runs as described
    text: str  # for the progress line
    failed: str = ""  # why the cluster has given up; empty while it has not


def state(workload: Object) -> State:
    """Judge a Deployment, StatefulSet or Job from its status."""
    wanted = int(workload["spec"].get("replicas", 1))
    status = workload.get("status", {})
    conditions = {one["type"]: one for one in status.get("conditions", [])}
    if workload["kind"] == "Job":
        failed = conditions.get("Failed", {})
        text = f"{status.get('active', 0)} running, {status.get('failed', 0)} failed"
        done = conditions.get("Complete", {}).get("status") == "True"
        return State(done, text, str(failed.get("message", "")) if failed.get("status") == "True" else "")
    seen = int(status.get("observedGeneration", 0)) >= int(workload["metadata"]["generation"])
    updated, total = int(status.get("updatedReplicas", 0)), int(status.get("replicas", 0))
    ready = int(status.get("readyReplicas" if workload["kind"] == "StatefulSet" else "availableReplicas", 0))
    if workload["kind"] == "StatefulSet" and status.get("currentRevision") == status.get("updateRevision"):
        updated = total
    done = seen and updated >= wanted and total <= updated and ready >= wanted
    old = f", {total - updated} old" if total > updated else ""
    return State(done, f"{updated} of {wanted} updated, {ready} ready{old}")


def wait(kubectl: Kubectl, manifest: Manifest, seconds: float, say: Say) -> float:
    """Wait at most `seconds` until a workload runs as described; return the seconds taken."""
    began = spoken = time.monotonic()
    last = ""
    while True:
        objects = kubectl.items(KINDS, f"--namespace={manifest.namespace}")
        now = time.monotonic()
        workload = next((one for one in objects if Manifest(one).title == manifest.title), None)
        current = state(workload) if workload else State(False, "not there", "it has been deleted")
        if current.text != last or now - spoken >= BEAT_SECONDS:
            say(f"  {manifest.title}: {current.text}, {now - began:.0f} s")
            last, spoken = current.text, now
        if current.done:
            return now - began
        found = _troubles(workload, objects) if workload else []
        hopeless = [one for one in found if one.hopeless]
        late = now - began > seconds
        if hopeless or late or current.failed:
            reason = current.failed or f"not done after {seconds:g} s"
            raise _failed(kubectl, manifest, found, objects, reason)
        # A failing mount or probe may still recover; its newest message is worth a line.
        if found and now - began > REPORT_SECONDS and found[0].cause != last:
            say(f"  {found[0].pod}: {found[0].cause}")
            last = found[0].cause
        time.sleep(POLL_SECONDS)


def pods(workload: Object, objects: Sequence[Object]) -> list[Object]:
    """Return the pods of a workload's newest revision that are not being deleted."""
    labels = dict(workload["spec"]["selector"]["matchLabels"])
    if workload["kind"] == "Deployment" and (newest := newest_replica_set(workload, objects)):
        labels["pod-template-hash"] = newest["metadata"]["labels"]["pod-template-hash"]
    found = [(one, one["metadata"]) for one in objects if one["kind"] == "Pod"]
    kept = [(one, about.get("labels", {})) for one, about in found if "deletionTimestamp" not in about]
    return [one for one, own in kept if labels.items() <= own.items()]


def newest_replica_set(deployment: Object, objects: Sequence[Object]) -> Object | None:
    """Return the ReplicaSet of a Deployment's newest revision; None before it exists."""
    owner = deployment["metadata"]["uid"]
    sets = [one for one in objects if one["kind"] == "ReplicaSet"]
    owners = [[each["uid"] for each in one["metadata"].get("ownerReferences", [])] for one in sets]
    mine = [one for one, above in zip(sets, owners, strict=True) if owner in above]
    return max(mine, key=revision, default=None)


def revision(revised: Object) -> int:
    annotations = revised["metadata"].get("annotations", {})
    return int(annotations.get("deployment.kubernetes.io/revision", 0))


def _troubles(workload: Object, objects: Sequence[Object]) -> list[diagnosis.Trouble]:
    if workload["kind"] == "Deployment":
        newest = newest_replica_set(workload, objects)
        if newest and (reason := diagnosis.refused(newest)):
            return [diagnosis.Trouble(str(workload["metadata"]["name"]), reason, hopeless=True)]
    events = [one for one in objects if one["kind"] == "Event"]
    return diagnosis.troubles(pods(workload, objects), events)


def _failed(
    kubectl: Kubectl,
    manifest: Manifest,
    found: Sequence[diagnosis.Trouble],
    objects: Sequence[Object],
    reason: str,
) -> RolloutFailed:
    events = [one for one in objects if one["kind"] == "Event"]
    evidence = [diagnosis.describe(events, [one.pod for one in found])]
    cause = found[0].cause if found else reason
    chosen = next((one for one in found if one.crashed), found[0] if found else None)
    if chosen:
        log = _log(kubectl, chosen.pod, f"--namespace={manifest.namespace}")
        evidence.append(log)
        if chosen.crashed and (line := diagnosis.from_log(log)):
            cause = f"{chosen.cause}: {line}"
    text = "\n".join(filter(str.strip, evidence))
    return RolloutFailed(workload=manifest.title, cause=cause, evidence=text)


def _log(kubectl: Kubectl, pod: str, namespace: str) -> str:
    """Return the end of the log of the container that ended, else of the one that runs."""
    until = time.monotonic() + REPORT_SECONDS
    words = ("logs", pod, namespace, f"--tail={LOG_LINES}")
    while True:
        answers = [kubectl.run(*words, f"--previous={which}", check=False) for which in ("true", "false")]
        texts = [done.stdout.rstrip() if done.code == 0 else "" for done in answers]
        kept = [text for text in texts if not text.startswith(REMOVED)]
        if len(kept) == len(texts) or time.monotonic() > until:
            return next(filter(None, kept), "")
        time.sleep(POLL_SECONDS)
