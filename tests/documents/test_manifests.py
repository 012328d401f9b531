"""The manifests in docs/how-to/kubernetes.md fit what the overlays hold, and strict schemas take them."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest
import yaml

from drydock.deploy import manifests
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import render
from drydock.detect.project import load
from drydock.gates.kubernetes import EXPECTATIONS, tools
from drydock.gates.kubernetes.finding import read
from tests.conftest import ROOT, write_files

DOCUMENT = (ROOT / "docs/how-to/kubernetes.md").read_text(encoding="utf-8")
SHOWN = {
    one.kind: one
    for text in re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    for one in manifests.parse(text)
}
PRODUCTION = manifests.parse(render(load(ROOT), "production"))
VERSIONS = read(ROOT / EXPECTATIONS).kubernetes


def of_production(kind: str) -> Manifest:
    return next(one for one in PRODUCTION if one.kind == kind)


def test_the_ingress_leads_to_a_port_of_the_service_in_its_namespace() -> None:
    ingress, service = SHOWN["Ingress"], of_production("Service")
    (rule,) = ingress.content["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]

    assert ingress.namespace == service.namespace
    assert backend["name"] == service.name
    assert backend["port"]["name"] in {port["name"] for port in service.content["spec"]["ports"]}
    assert [rule["host"]] == ingress.content["spec"]["tls"][0]["hosts"]


def test_the_ingress_is_taken_by_strict_schemas(tmp_path: Path) -> None:
    path = tmp_path / "ingress.yaml"
    path.write_text(yaml.safe_dump(SHOWN["Ingress"].content))
    assert list(tools.schemas(path, "docs", VERSIONS, lambda _: None)) == []

    path.write_text(yaml.safe_dump(SHOWN["Ingress"].content).replace("pathType", "pathKind"))
    assert len(list(tools.schemas(path, "docs", VERSIONS, lambda _: None))) >= len(VERSIONS)


def test_the_external_secret_is_the_one_that_pods_mount() -> None:
    external = SHOWN["ExternalSecret"]
    assert external.namespace == of_production("Deployment").namespace
    assert {external.content["spec"]["target"]["name"]} == manifests.secrets_needed(
        of_production("Deployment")
    )


@pytest.mark.parametrize("key", sorted(read(ROOT / EXPECTATIONS).samples["todo-chatbot-api"]))
def test_the_secrets_keys_are_named(key: str) -> None:
    assert f"`{key}`" in DOCUMENT
    assert f"--from-file={key}" in DOCUMENT


def test_production_stays_below_the_number_of_connections_that_the_document_names() -> None:
    settings = of_production("ConfigMap").content["data"]
    most = of_production("HorizontalPodAutoscaler").content["spec"]["maxReplicas"]
    size, overflow = (int(settings[f"DATABASE_{name}"]) for name in ("POOL_SIZE", "MAX_OVERFLOW"))

    assert f"production's {most} x ({size} + {overflow} + 1) does" in DOCUMENT
    assert (most + 1) * (size + overflow + 1) < 100


def test_the_pod_monitor_finds_the_pods_and_the_token() -> None:
    monitor, deployment = SHOWN["PodMonitor"], of_production("Deployment")
    (endpoint,) = monitor.content["spec"]["podMetricsEndpoints"]
    token = endpoint["authorization"]["credentials"]
    (container,) = deployment.containers

    assert monitor.namespace == deployment.namespace
    labels = monitor.content["spec"]["selector"]["matchLabels"]
    assert labels.items() <= deployment.content["spec"]["template"]["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert {token["name"]} == manifests.secrets_needed(deployment)
    assert f"/{token['key']}\n" in DOCUMENT


def test_the_metrics_tokens_file_lies_where_the_pods_mount_the_secret() -> None:
    (name, path) = re.findall(r"^(\w+)_FILE=(\S+)$", DOCUMENT, re.MULTILINE)[0]
    (container,) = of_production("Deployment").containers

    assert f"`{name}_FILE`" in (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")
    assert str(Path(path).parent) in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert f"`{Path(path).name}`" in DOCUMENT


def test_the_overlay_for_openshift_names_no_user(tmp_path: Path) -> None:
    document = (ROOT / "docs/how-to/openshift.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^ +```yaml\n(.*?)^ +```", document, re.MULTILINE | re.DOTALL)
    folder = tmp_path / "kubernetes"
    shutil.copytree(ROOT / "deploy/kubernetes", folder)
    write_files(folder / "overlays/openshift", {"kustomization.yaml": textwrap.dedent(shown)})

    found = manifests.parse(render(load(ROOT), str(folder / "overlays/openshift")))

    pods = [one.content["spec"]["template"]["spec"] for one in found if one.kind in ("Deployment", "Job")]
    assert [sorted(pod["securityContext"]) for pod in pods] == [["runAsNonRoot", "seccompProfile"]] * 2
