"""Bring a cluster to what an overlay says, in the order that keeps requests answered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drydock import command, errors
from drydock.kubernetes import kubectl as clusters
from drydock.kubernetes import manifests, rollout
from drydock.kubernetes.kubectl import Kubectl
from drydock.kubernetes.manifests import Manifest
from drydock.kubernetes.render import render
from drydock.project import Project
from drydock.say import Say

ROLLOUT_SECONDS = 180.0
DIFFERS = 1  # the exit code of `kubectl diff` where there is a difference


@dataclass(frozen=True)
class Deployed:
    """What runs after a deployment.

    Args:
        overlay: What was asked for.
        namespace: Where it runs.
        images: What runs there.
        revisions: The revision of each Deployment, by title.
        changed: Whether anything was different before.
        seconds: How long it took.
    """

    overlay: str
    namespace: str
    images: tuple[str, ...]
    revisions: dict[str, int]
    changed: bool
    seconds: float


def deploy(
    project: Project,
    overlay: str,
    context: str = "",
    image: str | None = None,
    say: Say = print,
    seconds: float = ROLLOUT_SECONDS,
) -> Deployed:
    """Render, compare, apply and wait: what the pods need, then the migration, then the pods.

    Args:
        project: Whose overlay.
        overlay: Its name, or the path of a folder with a kustomization.yaml.
        context: The context of the kubeconfig; the current one when empty.
        image: The reference to run; what the overlay names by default.
        say: Takes one line of progress at a time.
        seconds: How long each workload may take.

    Raises:
        errors.NoCluster, errors.NoOverlay, errors.RenderFailed: Before anything is changed.
        errors.Placeholders: The overlay still holds its examples; nothing is changed.
        errors.SecretMissing: A Secret is neither in the manifests nor on the cluster; nothing is changed.
        errors.ApplyFailed: The API server refuses a manifest.
        errors.RolloutFailed: Pods do not become ready; carries events and log.
    """
    began = time.monotonic()
    wanted = manifests.parse(render(project, overlay, image))
    if left := manifests.placeholders(wanted):
        raise errors.Placeholders(overlay=overlay, count=len(left), evidence="\n".join(left))
    kubectl = clusters.connect(context, say)
    _check_secrets(kubectl, wanted)
    changes = difference(kubectl, wanted)
    say("\n".join(changes) if changes else "nothing differs from what runs")
    for manifest in apply(kubectl, wanted):
        rollout.wait(kubectl, manifest, seconds, say)
    return Deployed(
        overlay=overlay,
        namespace=next((one.namespace for one in wanted if one.namespace), ""),
        images=tuple(manifests.images(wanted)),
        revisions={one.title: _revision(kubectl, one) for one in wanted if one.kind == "Deployment"},
        changed=bool(changes),
        seconds=time.monotonic() - began,
    )


def undo(
    project: Project, overlay: str, context: str = "", say: Say = print, seconds: float = ROLLOUT_SECONDS
) -> dict[str, int]:
    """Go back to the revision before, and wait until it runs; the database's schema stays as it is.

    Returns:
        The new revision of each Deployment, by title.

    Raises:
        errors.NothingToUndo: There is no revision before.
        errors.RolloutFailed: The pods of that revision do not become ready.
    """
    wanted = [one for one in manifests.parse(render(project, overlay)) if one.kind == "Deployment"]
    kubectl = clusters.connect(context, say)
    for manifest in wanted:
        done = kubectl.run(
            "rollout", "undo", manifest.title, f"--namespace={manifest.namespace}", check=False
        )
        if done.code != 0:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1].removeprefix("error: ")
            raise errors.NothingToUndo(workload=manifest.title, reason=reason)
        rollout.wait(kubectl, manifest, seconds, say)
    return {manifest.title: _revision(kubectl, manifest) for manifest in wanted}


def difference(kubectl: Kubectl, wanted: Sequence[Manifest]) -> list[str]:
    """Return, as lines, what differs between manifests and what runs; values of Secrets are not shown."""
    # A Job is made anew each time, so its difference says nothing.
    compared = [one for one in wanted if one.kind != "Job"]
    done = kubectl.run("diff", "--filename=-", stdin=manifests.dump(compared), check=False)
    if done.code <= DIFFERS:
        return [line for line in done.stdout.splitlines() if not line.startswith(("diff ", "--- ", "+++ "))]
    # Without the namespace there is nothing to compare with; what the API server refuses, `apply` reports.
    return [f"+ {manifest.title}" for manifest in compared]


def phases(wanted: Iterable[Manifest]) -> list[list[Manifest]]:
    """Return the manifests in three steps: what pods need, the Jobs, and the Deployments."""
    listed = list(wanted)
    jobs = [one for one in listed if one.kind == "Job"]
    last = [one for one in listed if one.kind == "Deployment"]
    return [[one for one in listed if one not in jobs and one not in last], jobs, last]


def apply(kubectl: Kubectl, wanted: Sequence[Manifest]) -> Iterable[Manifest]:
    """Apply step by step, and yield each workload that has to be waited for before the next step.

    Raises:
        errors.ApplyFailed: The API server refuses a manifest.
    """
    for step in phases(wanted):
        if not step:
            continue
        for job in (one for one in step if one.kind == "Job"):
            kubectl.run("delete", job.title, f"--namespace={job.namespace}", "--ignore-not-found", "--wait")
        try:
            kubectl.run("apply", "--filename=-", stdin=manifests.dump(step))
        except command.CommandFailed as error:
            lines = error.completed.stderr.strip().splitlines() or ["no output"]
            raise errors.ApplyFailed(reason=refusal(lines), evidence="\n".join(lines)) from error
        yield from (one for one in step if one.kind in ("Deployment", "Job", "StatefulSet"))


def refusal(lines: Sequence[str]) -> str:
    """Return in one line why the API server refuses a manifest; several causes of one are a list below it."""
    causes = [line.strip().removeprefix("* ") for line in lines[1:] if line.strip().startswith("* ")]
    return " ".join([lines[0].strip().removeprefix("error: "), "; ".join(causes)]).strip()


def _check_secrets(kubectl: Kubectl, wanted: Sequence[Manifest]) -> None:
    brought = {one.name for one in wanted if one.kind == "Secret"}
    for manifest in wanted:
        for name in sorted(manifests.secrets_needed(manifest) - brought):
            if kubectl.json(f"secret/{name}", f"--namespace={manifest.namespace}") is None:
                raise errors.SecretMissing(name=name, namespace=manifest.namespace, workload=manifest.title)


def _revision(kubectl: Kubectl, manifest: Manifest) -> int:
    found = kubectl.json(manifest.title, f"--namespace={manifest.namespace}")
    return rollout.revision(found) if found else 0
