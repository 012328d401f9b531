"""Deploy to the cluster that KUBECONFIG names, and prove that the image answers there.

A new namespace, which is removed afterwards, leaves the user's own deployments alone.
"""

import argparse
import os
import shlex
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from drydock import command, temporary
from drydock.deploy import deploy, manifests, render
from drydock.deploy import kubectl as clusters
from drydock.deploy.errors import ApplyFailed, RolloutFailed
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import overlays
from drydock.engine import Engine
from drydock.errors import BadConfiguration
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.progress import Say
from drydock.project import Project
from drydock.spelling import counted
from drydock.verdict import Outcome, Verdict, and_more

GATE = "cluster"
# Names a command that loads images into clusters unknown to drydock; it gets the images' references.
LOAD = "DRYDOCK_CLUSTER_LOAD"
USUAL = "local"
# A Service routes to a pod only some moments after the pod is ready.
ANSWER_SECONDS = 15.0
PAUSE_SECONDS = 0.5


FACTS = Facts(
    inputs=("deploy/kubernetes/",),
    settings=lambda project, _: {"image": project.image, "paths": [project.health_path, project.ready_path]},
    demanded=False,
    arguments=True,
    changes="none",
    default=False,
    rank=80,
)


def loader(context: str, environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """Return the command that loads images into a cluster; None where the cluster shares the engine's."""
    if named := environment.get(LOAD):
        return shlex.split(named)
    if context.startswith("kind-"):
        return ["kind", "load", "docker-image", f"--name={context.removeprefix('kind-')}"]
    if context == "minikube" or context.startswith("minikube-"):
        return ["minikube", "image", "load", f"--profile={context}"]
    return None


def load(engine: Engine, context: str, images: Sequence[str], say: Say) -> None:
    if chosen := loader(context):
        say(f"loading {', '.join(images)}")
        command.run([*chosen, *images], env=engine.environment)


def judge(subject: Subject) -> Verdict:
    """Apply an overlay, wait for its rollout, ask the application through its Service, and clean up."""
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
                return Verdict.failed(GATE, error)
            paths = [path for path in (project.health_path, project.ready_path) if path]
            answers = ask(kubectl, services(wanted, project), namespace, paths)
    return decide(f"{overlay} on {context}", answers, deployed.seconds)


def chosen(project: Project, arguments: Sequence[str]) -> str:
    """Return the overlay that the arguments name; without arguments, the usual or the only one."""
    parser = argparse.ArgumentParser(prog=f"nox -s {GATE} --", add_help=False, exit_on_error=False)
    parser.add_argument("--overlay", default="")
    problem, how = "", "use --overlay"
    try:
        given, rest = parser.parse_known_args(arguments)
        problem = f"unknown argument {rest[0]}" if rest else ""
    except argparse.ArgumentError as error:
        problem, how = str(error), "write it as `--overlay NAME`"
    known = overlays(project)
    if not problem:
        if given.overlay:
            return str(given.overlay)
        if USUAL in known or len(known) == 1:
            return USUAL if USUAL in known else known[0]
        problem = f"there are the overlays {', '.join(known)}" if known else "there is no overlay"
        how = "name one with --overlay"
    raise BadConfiguration(where=parser.prog, problem=problem, how=how)


@contextmanager
def elsewhere(project: Project, overlay: str, namespace: str) -> Iterator[Path]:
    """Yield a copy of an overlay, moved into a namespace and without fixed node ports."""
    objects = [free_ports(one) for one in manifests.parse(render(project, overlay))]
    with temporary.folder("overlay") as folder:
        content = {"namespace": namespace, "resources": ["all.yaml"]}
        (folder / "all.yaml").write_text(manifests.dump(objects), encoding="utf-8")
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        yield folder


def free_ports(manifest: Manifest) -> Manifest:
    """Return a Service without fixed node ports, which a user's own Service may hold."""
    if manifest.kind != "Service":
        return manifest

    def without(table: Mapping[str, Any], key: str) -> dict[str, Any]:
        return {name: value for name, value in table.items() if name != key}

    spec = without(manifest.content["spec"], "healthCheckNodePort")
    spec["ports"] = [without(port, "nodePort") for port in spec.get("ports") or ()]
    return Manifest({**manifest.content, "spec": spec})


def outside(wanted: Sequence[Manifest], namespace: str) -> list[str]:
    """Return the objects that are neither in a namespace nor the namespace itself."""
    own = f"namespace/{namespace}"
    return [one.title for one in wanted if one.namespace != namespace and one.title != own]


@contextmanager
def removed(kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """Create a namespace, and delete it with its content afterwards."""
    kubectl.run("create", "namespace", namespace)
    try:
        yield
    finally:
        kubectl.remove(namespace)


def services(wanted: Sequence[Manifest], project: Project) -> list[tuple[str, int]]:
    """Return name and port of each Service that routes to the application's pods."""
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
    """Get each path of each Service through the API server; return the error by request, empty for none."""
    answers = {}
    until = time.monotonic() + ANSWER_SECONDS
    for name, port in found:
        for path in paths:
            address = f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy{path}"
            done = kubectl.run("get", "--raw", address, check=False)
            while done.code and time.monotonic() < until:
                time.sleep(PAUSE_SECONDS)
                done = kubectl.run("get", "--raw", address, check=False)
            answers[f"GET {path} of service/{name}"] = done.last if done.code else ""
    return answers


def decide(where: str, answers: Mapping[str, str], rollout_seconds: float) -> Verdict:
    figures = {"rollout_seconds": round(rollout_seconds, 1), "questions": len(answers)}
    faults = tuple(f"{question}: {fault}" for question, fault in answers.items() if fault)
    if not answers:
        outcome, text = Outcome.COULD_NOT_CHECK, "no Service leads to the application, so nothing was asked"
    elif faults:
        outcome, text = Outcome.FAILED, and_more(faults)
    else:
        text = f"rolled out in {rollout_seconds:.0f} s, {counted(len(answers), 'question')} answered"
        outcome = Outcome.PASSED
    return Verdict(GATE, outcome, f"{where}: {text}", faults, measurements=figures)
