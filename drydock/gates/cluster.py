"""Deploy to the cluster that KUBECONFIG names, and prove that the image answers there.

The namespace is a new one, and is removed afterwards, so that a deployment of the user's stays as it is.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from drydock import command
from drydock.deploy import deploy, manifests, render
from drydock.deploy import kubectl as clusters
from drydock.deploy.errors import ApplyFailed, RolloutFailed
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import overlays
from drydock.engine import Engine
from drydock.errors import BadConfiguration
from drydock.gates.gate import Facts
from drydock.progress import Say
from drydock.project import Project
from drydock.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from drydock.gates.subject import Subject

GATE = "cluster"
# Names a command that puts images of the engine onto the cluster, for clusters that drydock does not know;
# the images' references are appended to it.
LOAD = "DRYDOCK_CLUSTER_LOAD"
USUAL = "local"
REMOVAL_SECONDS = 180.0
# A Service leads to a pod some moments after the pod is ready.
ANSWER_SECONDS = 15.0
PAUSE_SECONDS = 0.5


def _settings(project: Project, _target: str) -> Mapping[str, Any]:
    return {"image": project.image, "paths": [project.health_path, project.ready_path]}


FACTS = Facts(
    inputs=("deploy/kubernetes/",),
    settings=_settings,
    demanded=False,
    arguments=True,
    changes="none",
    default=False,
    rank=80,
)


def loader(context: str, environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """Return the command that puts images onto a cluster; None where the cluster shares the engine's."""
    if named := environment.get(LOAD):
        return shlex.split(named)
    if context.startswith("kind-"):
        return ["kind", "load", "docker-image", f"--name={context.removeprefix('kind-')}"]
    if context == "minikube" or context.startswith("minikube-"):
        return ["minikube", "image", "load", f"--profile={context}"]
    return None


def load(engine: Engine, context: str, images: Sequence[str], say: Say) -> None:
    """Put images of the engine onto a cluster."""
    chosen = loader(context)
    if chosen is None:
        return
    say(f"loading {', '.join(images)}")
    command.run([*chosen, *images], env=engine.environment)


def judge(subject: Subject) -> Verdict:
    """Apply an overlay, wait for its rollout, ask the application through its Service, and remove all."""
    began = time.monotonic()
    project, image = subject.project, subject.built.reference
    overlay = chosen(project, subject.arguments)
    kubectl = clusters.connect(say=subject.say)
    context = kubectl.run("config", "current-context").stdout.strip()
    try:
        load(subject.engine, context, [image], subject.say)
    except command.CommandFailed as error:
        return Verdict(GATE, Outcome.COULD_NOT_CHECK, f"{image} cannot be loaded: {error}")
    namespace = f"drydock-{GATE}-{uuid.uuid4().hex[:8]}"
    with elsewhere(project, overlay, namespace) as copy:
        wanted = manifests.parse(render(project, str(copy), image))
        if shared := outside(wanted, namespace):
            summary = f"{overlay} has objects outside of its namespace: {', '.join(shared)}"
            return Verdict(GATE, Outcome.COULD_NOT_CHECK, summary)
        with removed(kubectl, namespace):
            try:
                deployed = deploy(project, str(copy), context, image, subject.say)
            except (ApplyFailed, RolloutFailed) as error:
                return Verdict(
                    GATE,
                    Outcome.FAILED,
                    str(error.args[0]),
                    evidence=error.evidence,
                    seconds=time.monotonic() - began,
                )
            paths = [path for path in (project.health_path, project.ready_path) if path]
            answers = ask(kubectl, services(wanted, project), namespace, paths)
    return decide(context, overlay, answers, deployed.seconds, time.monotonic() - began)


def chosen(project: Project, arguments: Sequence[str]) -> str:
    """Return the overlay that the arguments name; the usual one, or the only one, without arguments."""
    parser = argparse.ArgumentParser(prog=f"nox -s {GATE} --", add_help=False, exit_on_error=False)
    parser.add_argument("--overlay", default="")
    try:
        given, rest = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise BadConfiguration(where=parser.prog, problem=str(error), how="see README.md") from error
    if rest:
        raise BadConfiguration(where=parser.prog, problem=f"unknown argument {rest[0]}", how="use --overlay")
    known = overlays(project)
    if given.overlay:
        return str(given.overlay)
    if USUAL in known or len(known) == 1:
        return USUAL if USUAL in known else known[0]
    raise BadConfiguration(
        where=parser.prog,
        problem=f"there are the overlays {', '.join(known)}" if known else "there is no overlay",
        how="name one with --overlay",
    )


@contextmanager
def elsewhere(project: Project, overlay: str, namespace: str) -> Iterator[Path]:
    """Yield an overlay that puts all of another one into a namespace, on no fixed port of a node."""
    objects = [free_ports(one) for one in manifests.parse(render(project, overlay))]
    with tempfile.TemporaryDirectory(prefix="drydock-overlay-") as name:
        content = {"namespace": namespace, "resources": ["all.yaml"]}
        Path(name, "all.yaml").write_text(manifests.dump(objects), encoding="utf-8")
        Path(name, "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        yield Path(name)


def free_ports(manifest: Manifest) -> Manifest:
    """Return a Service whose node ports the cluster chooses, since a user's own may hold the fixed ones."""
    if manifest.kind != "Service":
        return manifest
    spec = {key: value for key, value in manifest.content["spec"].items() if key != "healthCheckNodePort"}
    ports = [
        {key: value for key, value in port.items() if key != "nodePort"} for port in spec.get("ports") or ()
    ]
    return Manifest({**manifest.content, "spec": {**spec, "ports": ports}})


def outside(wanted: Sequence[Manifest], namespace: str) -> list[str]:
    """Return the objects that are neither in a namespace nor the namespace itself."""
    own = f"namespace/{namespace}"
    return [one.title for one in wanted if one.namespace != namespace and one.title != own]


@contextmanager
def removed(kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """Make a namespace, and remove it with all that is in it afterwards."""
    kubectl.run("create", "namespace", namespace)
    try:
        yield
    finally:
        kubectl.run("delete", "namespace", namespace, "--ignore-not-found", "--wait", timeout=REMOVAL_SECONDS)


def services(wanted: Sequence[Manifest], project: Project) -> list[tuple[str, int]]:
    """Return name and port of each Service that leads to the application's pods."""
    name = project.image.rpartition("/")[2]
    pods = [
        one.template.get("metadata", {}).get("labels") or {}
        for one in wanted
        if one.kind == "Deployment"
        and any(manifests.repository(str(container["image"])) == name for container in one.containers)
    ]
    return [
        (one.name, int(one.content["spec"]["ports"][0]["port"]))
        for one in wanted
        if one.kind == "Service"
        and (selector := one.content["spec"].get("selector"))
        and any(selector.items() <= labels.items() for labels in pods)
    ]


def ask(
    kubectl: Kubectl, found: Sequence[tuple[str, int]], namespace: str, paths: Sequence[str]
) -> dict[str, str]:
    """Ask each Service for each path through the API server; return the fault by question, empty for none."""
    answers = {}
    until = time.monotonic() + ANSWER_SECONDS
    for name, port in found:
        for path in paths:
            address = f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy{path}"
            while (
                done := kubectl.run("get", "--raw", address, check=False)
            ).code and time.monotonic() < until:
                time.sleep(PAUSE_SECONDS)
            lines = done.stderr.strip().splitlines() or ["no answer"]
            answers[f"GET {path} of service/{name}"] = "" if done.code == 0 else lines[-1]
    return answers


def decide(
    context: str, overlay: str, answers: Mapping[str, str], rollout_seconds: float, seconds: float
) -> Verdict:
    """Decide from the answers."""
    measurements = {"rollout_seconds": round(rollout_seconds, 1), "questions": len(answers)}
    faults = tuple(f"{question}: {fault}" for question, fault in answers.items() if fault)
    if not answers:
        summary = f"{overlay} on {context}: no Service leads to the application, which so was not asked"
        return Verdict(GATE, Outcome.COULD_NOT_CHECK, summary, (), "", measurements, seconds)
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        summary = f"{overlay} on {context}: {faults[0]}{more}"
        return Verdict(GATE, Outcome.FAILED, summary, faults, "", measurements, seconds)
    summary = (
        f"{overlay} on {context}: rolled out in {rollout_seconds:.0f} s, {len(answers)} questions answered"
    )
    return Verdict(GATE, Outcome.PASSED, summary, (), "", measurements, seconds)
