"""The gate on a fake cluster: its namespaces, requests and clean-up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from drydock.build import BuildResult
from drydock.command import Completed
from drydock.deploy import Deployed
from drydock.deploy.errors import RolloutFailed
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest
from drydock.errors import BadConfiguration, DrydockError
from drydock.gates import cluster
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.verdict import Outcome
from drydock.workspace import Workspace
from tests.conftest import MakeProject

LABELS = {"app": "shop"}
OVERLAY = {"deploy/kubernetes/overlays/local/kustomization.yaml": "resources: [all.yaml]\n"}


def manifests(namespace: str, **more: Any) -> list[dict[str, Any]]:
    """Return a Deployment of the project's image and a Service for its pods."""
    pods = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "api", "image": "shop:dev"}]}}
    return [
        {
            "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": namespace},
            "spec": {"template": pods},
        },
        {
            "kind": "Service",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {"type": "NodePort", "selector": LABELS, "ports": [{"port": 80, "nodePort": 30080}]},
        },
        *more.values(),
    ]


class Cluster(Kubectl):
    """A fake kubectl that records its commands and answers them."""

    def __init__(self) -> None:
        super().__init__(Path("kubectl"), "kind-harbour")
        self.silent: float = 0
        self.ran: list[str] = []

    def run(self, *args: str, **_: object) -> Completed:
        """Answer as a healthy cluster, or fail while ``silent`` is positive."""
        self.ran.append(" ".join(args))
        if args[:2] == ("config", "current-context"):
            return Completed(args, 0, f"{self.context}\n", "")
        if args[0] == "get" and self.silent > 0:
            self.silent -= 1
            return Completed(args, 1, "", "Error from server (ServiceUnavailable): no endpoints")
        return Completed(args, 0, "{}", "")


@dataclass
class Stage:
    """A project with an overlay, and its cluster."""

    project: Project
    cluster: Cluster
    rendered: list[dict[str, Any]]
    fault: DrydockError | None = None
    deployed: list[tuple[str, str]] = field(default_factory=list)
    copied: list[dict[str, Any]] = field(default_factory=list)

    def judge(self, *arguments: str) -> Any:
        workspace = Workspace(None, self.project)  # type: ignore[arg-type]
        workspace._built["production"] = BuildResult("production", "shop:dev", "sha256:1", (), 0.0)
        return cluster.judge(Subject(workspace, "production", arguments))


@pytest.fixture
def stage(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> Stage:
    manifest = '[project]\nname = "shop"\n[tool.drydock]\nhealth-path = "/livez"\nready-path = "/readyz"\n'
    made = Stage(make_project(OVERLAY | {"pyproject.toml": manifest}), Cluster(), [])

    def render(_project: Project, folder: str, _image: str = "") -> str:
        if folder == "local":
            return yaml.safe_dump_all(made.rendered or manifests("shop"))
        namespace = yaml.safe_load(Path(folder, "kustomization.yaml").read_text())["namespace"]
        objects = list(yaml.safe_load_all(Path(folder, "all.yaml").read_text()))
        for one in objects:
            if "namespace" in one["metadata"]:
                one["metadata"]["namespace"] = namespace
        made.copied = objects
        return yaml.safe_dump_all(objects)

    def deploy(_project: Project, folder: str, context: str, image: str, _say: Any) -> Deployed:
        made.deployed.append((context, image))
        if made.fault:
            raise made.fault
        return Deployed(context, "any", (image,), {}, {}, changed=True, seconds=12.0)

    def load(_engine: object, context: str, images: Sequence[str], _say: object) -> None:
        made.cluster.ran.append(f"load {images[0]} onto {context}")

    monkeypatch.setattr(cluster.clusters, "connect", lambda **_: made.cluster)
    monkeypatch.setattr(cluster, "render", render)
    monkeypatch.setattr(cluster, "deploy", deploy)
    monkeypatch.setattr(cluster, "load", load)
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.0)
    monkeypatch.setattr(cluster, "PAUSE_SECONDS", 0.0)
    return made


def test_an_overlay_is_deployed_asked_and_removed(stage: Stage) -> None:
    verdict = stage.judge()

    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "local on kind-harbour: rolled out in 12 s, 2 questions answered"
    assert stage.deployed == [("kind-harbour", "shop:dev")]
    namespace = stage.cluster.ran[2].removeprefix("create namespace ")
    services = f"/api/v1/namespaces/{namespace}/services/web:80/proxy"
    assert namespace.startswith("drydock-cluster-")
    assert stage.cluster.ran == [
        "config current-context",
        "load shop:dev onto kind-harbour",
        f"create namespace {namespace}",
        f"get --raw {services}/livez",
        f"get --raw {services}/readyz",
        f"delete namespace {namespace} --ignore-not-found --wait=false",
        f"delete pods --all --namespace={namespace} --grace-period=1 --wait=false",
        f"delete pods --all --namespace={namespace} --grace-period=1 --wait",
        f"annotate namespace {namespace} drydock/pods=gone --overwrite",
        f"delete namespace {namespace} --ignore-not-found --wait",
    ]


def test_the_deployment_takes_no_port_that_the_users_own_may_hold(stage: Stage) -> None:
    stage.judge()

    (service,) = (one for one in stage.copied if one["kind"] == "Service")
    assert service["spec"] == {"type": "NodePort", "selector": LABELS, "ports": [{"port": 80}]}


def test_a_service_that_does_not_answer_is_refused_in_the_clusters_words(stage: Stage) -> None:
    stage.cluster.silent = math.inf
    verdict = stage.judge()

    assert verdict.outcome is Outcome.FAILED
    assert "GET /livez of service/web: Error from server (ServiceUnavailable)" in verdict.details[0]
    assert stage.cluster.ran[-1].startswith("delete namespace")


def test_a_service_that_leads_to_its_pods_a_moment_late_has_passed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 60.0)
    stage.cluster.silent = 2

    assert stage.judge().outcome is Outcome.PASSED
    assert len([line for line in stage.cluster.ran if line.startswith("get")]) == 4


def test_a_rollout_that_fails_is_refused_with_its_evidence_and_removed(stage: Stage) -> None:
    stage.fault = RolloutFailed(workload="deployment/shop", cause="exited with 78", evidence="its log")
    verdict = stage.judge()

    assert (verdict.outcome, verdict.evidence) == (Outcome.FAILED, "its log")
    assert stage.cluster.ran[-1].startswith("delete namespace")


def test_objects_of_the_whole_cluster_are_not_touched(stage: Stage) -> None:
    role = {"kind": "ClusterRole", "metadata": {"name": "shop"}}
    stage.rendered = manifests("x", role=role)
    verdict = stage.judge()

    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert "clusterrole/shop" in verdict.summary
    assert stage.deployed == []
    assert not [line for line in stage.cluster.ran if "namespace" in line]


def test_an_application_that_no_service_leads_to_is_no_pass() -> None:
    verdict = cluster.decide("local on kind", {}, 1.0)

    assert verdict.outcome is Outcome.COULD_NOT_CHECK


def test_a_named_overlay_is_taken_and_an_open_choice_is_refused(make_project: MakeProject) -> None:
    several = {f"deploy/kubernetes/overlays/{name}/kustomization.yaml": "" for name in ("east", "west")}
    project = make_project(several)

    assert cluster.chosen(project, ("--overlay", "west")) == "west"
    with pytest.raises(BadConfiguration, match="there are the overlays east, west; name one"):
        cluster.chosen(project, ())
    with pytest.raises(BadConfiguration, match="unknown argument --overlya"):
        cluster.chosen(project, ("--overlya",))


def test_only_services_of_the_applications_own_pods_are_asked(make_project: MakeProject) -> None:
    database = {
        "kind": "Service",
        "metadata": {"name": "postgres"},
        "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432}]},
    }
    wanted = [Manifest(one) for one in manifests("x", database=database)]

    assert cluster.services(wanted, make_project({})) == [("web", 80)]
