"""Deploy an overlay to a cluster in an order that keeps requests answered."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drydock import command
from drydock.deploy import kubectl as clusters
from drydock.deploy import manifests, rollout
from drydock.deploy.difference import difference, refused
from drydock.deploy.errors import NothingToUndo, Placeholders, SecretMissing
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import render
from drydock.progress import Say
from drydock.project import Project

ROLLOUT_SECONDS = 180.0


@dataclass(frozen=True)
class Deployed:
    cluster: str  # the context and its server
    namespace: str
    images: tuple[str, ...]  # the Deployments' images
    revisions: dict[str, int]  # by the Deployment's title
    node_ports: dict[str, int]  # by the Service's title: each node answers there for its first port
    changed: bool  # whether the deployment changed anything
    seconds: float

    def rows(self) -> dict[str, str]:
        revisions = ", ".join(f"{title} at revision {number}" for title, number in self.revisions.items())
        return {
            "cluster": self.cluster,
            "namespace": self.namespace,
            "runs": revisions,
            "image": ", ".join(self.images),
            **{
                f"{title} answers at": f"port {port} of each node; http://localhost:{port} on Docker Desktop"
                for title, port in self.node_ports.items()
            },
            "seconds": f"{self.seconds:.1f}",
        }


def deploy(
    project: Project,
    overlay: str,
    context: str = "",
    image: str | None = None,
    say: Say = print,
    seconds: float = ROLLOUT_SECONDS,
) -> Deployed:
    """Render, compare, apply and wait: the pods' requirements, then the migration, then the pods."""
    began = time.monotonic()
    wanted = manifests.parse(render(project, overlay, image))
    if left := manifests.placeholders(wanted):
        raise Placeholders(overlay=overlay, count=len(left), evidence="\n".join(left))
    kubectl = clusters.connect(context, say)
    say(f"the cluster is {kubectl.place()}")
    _check_secrets(kubectl, wanted)
    changes = difference(kubectl, wanted)
    say("\n".join(changes) if changes else "the cluster already runs this")
    for manifest in apply(kubectl, wanted):
        rollout.wait(kubectl, manifest, seconds, say)
    return _deployed(kubectl, wanted, bool(changes), time.monotonic() - began)


def undo(
    project: Project, overlay: str, context: str = "", say: Say = print, seconds: float = ROLLOUT_SECONDS
) -> Deployed:
    """Go back to the previous revision and wait until it runs; the database's schema does not change."""
    began = time.monotonic()
    wanted = [one for one in manifests.parse(render(project, overlay)) if one.kind == "Deployment"]
    kubectl = clusters.connect(context, say)
    say(f"the cluster is {kubectl.place()}")
    for manifest in wanted:
        place = f"--namespace={manifest.namespace}"
        done = kubectl.run("rollout", "undo", manifest.title, place, check=False)
        if done.code != 0:
            raise NothingToUndo(workload=manifest.title, reason=done.last.removeprefix("error: "))
        rollout.wait(kubectl, manifest, seconds, say)
    return _deployed(kubectl, wanted, True, time.monotonic() - began)


def phases(wanted: Iterable[Manifest]) -> list[list[Manifest]]:
    """Return the manifests in three steps: the pods' requirements, the Jobs, and the Deployments."""
    listed = list(wanted)
    jobs = [one for one in listed if one.kind == "Job"]
    last = [one for one in listed if one.kind == "Deployment"]
    return [[one for one in listed if one not in jobs and one not in last], jobs, last]


def apply(kubectl: Kubectl, wanted: Sequence[Manifest]) -> Iterable[Manifest]:
    """Apply step by step, and yield each workload to wait for before the next step."""
    for step in phases(wanted):
        if not step:
            continue
        try:
            for job in (one for one in step if one.kind == "Job"):
                place = f"--namespace={job.namespace}"
                kubectl.run("delete", job.title, place, "--ignore-not-found", "--wait")
            kubectl.run("apply", "--filename=-", stdin=manifests.dump(step))
        except command.CommandFailed as error:
            raise refused(error) from error
        yield from (one for one in step if one.kind in ("Deployment", "Job", "StatefulSet"))


def _check_secrets(kubectl: Kubectl, wanted: Sequence[Manifest]) -> None:
    brought = {one.name for one in wanted if one.kind == "Secret"}
    for manifest in wanted:
        for name in sorted(manifests.secrets_needed(manifest) - brought):
            if kubectl.json(f"secret/{name}", f"--namespace={manifest.namespace}") is None:
                raise SecretMissing(name=name, namespace=manifest.namespace, workload=manifest.title)


def _deployed(kubectl: Kubectl, wanted: Sequence[Manifest], changed: bool, seconds: float) -> Deployed:
    named = [one for one in wanted if one.kind == "Deployment"]
    live = {one.title: kubectl.json(one.title, f"--namespace={one.namespace}") for one in named}
    return Deployed(
        cluster=kubectl.place(),
        namespace=next((one.namespace for one in wanted if one.namespace), ""),
        images=tuple(manifests.images(Manifest(found) for found in live.values())),
        revisions={title: rollout.revision(found) for title, found in live.items()},
        node_ports=dict(_node_ports(kubectl, wanted)),
        changed=changed,
        seconds=seconds,
    )


def _node_ports(kubectl: Kubectl, wanted: Sequence[Manifest]) -> Iterator[tuple[str, int]]:
    for manifest in wanted:
        if manifest.kind == "Service" and manifest.content["spec"].get("type") == "NodePort":
            live = kubectl.json(manifest.title, f"--namespace={manifest.namespace}")
            yield manifest.title, int(live["spec"]["ports"][0]["nodePort"])
