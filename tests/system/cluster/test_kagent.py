"""kagent's definitions on a real API server: our resources are accepted and wrong ones refused."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from drydock import command
from drydock.deploy.kubectl import Kubectl
from tests.conftest import ROOT

FILE = ROOT / "deploy/assistants/kagent/todo.yaml"
VENDORED = json.loads((ROOT / "tests/deploy/schemas/kagent.json").read_text())
RESOURCES = list(yaml.safe_load_all(FILE.read_text()))
GROUP, VERSION = "kagent.dev", "v1alpha2"
NAMESPACE = "todo-chatbot-kagent"
# Kubernetes accepts CEL rules and empty defaults since this minor version.
CEL_SINCE = 25


def title(resource: Any) -> str:
    """Return kind and name in kubectl's form."""
    return f"{resource['kind'].lower()}/{resource['metadata']['name']}"


def definition(kind: str, schema: Any) -> dict[str, Any]:
    """Return the definition of a vendored kind."""
    names = VENDORED["names"][kind]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def without_newer_parts(schema: Any) -> Any:
    """Return a schema that older servers accept."""
    if isinstance(schema, list):
        return [without_newer_parts(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: without_newer_parts(value)
        for key, value in schema.items()
        if key != "x-kubernetes-validations" and (key, value) != ("default", "")
    }


@pytest.fixture(scope="module")
def minor(kubectl: Kubectl) -> int:
    """The server's minor version."""
    version = json.loads(kubectl.run("version", "--output=json").stdout)["serverVersion"]["minor"]
    return int(version.rstrip("+"))


@pytest.fixture(scope="module", autouse=True)
def definitions(kubectl: Kubectl, discard: Callable[[str], None], minor: int) -> Iterator[None]:
    """kagent's definitions: the cluster's own, or else the vendored ones."""
    missing = []
    for kind, schema in VENDORED["schemas"].items():
        made = definition(kind, schema if minor >= CEL_SINCE else without_newer_parts(schema))
        if kubectl.json(f"crd/{made['metadata']['name']}") is None:
            missing.append(made)
    for made in missing:
        kubectl.run("create", "--filename=-", stdin=json.dumps(made))
    names = [f"crd/{made['metadata']['name']}" for made in missing]
    if names:
        kubectl.run("wait", "--for=condition=Established", "--timeout=60s", *names)
    kubectl.run("create", "namespace", NAMESPACE)
    yield
    discard(NAMESPACE)
    if names:
        kubectl.run("delete", *names)


def apply(kubectl: Kubectl, text: str) -> command.Completed:
    """Apply manifests in the tests' namespace."""
    return kubectl.run("apply", f"--namespace={NAMESPACE}", "--filename=-", stdin=text, check=False)


def lost(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Return the paths of fields that were sent but not returned."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            line for key, value in wanted.items() for line in lost(value, found.get(key), f"{path}.{key}")
        ]
    return [] if wanted == found else [path]


def test_every_resource_is_taken_and_comes_back_whole(kubectl: Kubectl, tmp_path: Path) -> None:
    for name in ("authorization", "openai-api-key"):
        (tmp_path / name).write_text("none")
    files = [f"--from-file={tmp_path / name}" for name in ("authorization", "openai-api-key")]
    kubectl.run(f"--namespace={NAMESPACE}", "create", "secret", "generic", "todo-agent", *files)
    kubectl.run("apply", f"--namespace={NAMESPACE}", f"--filename={FILE}")

    for resource in RESOURCES:
        found = kubectl.json(f"{title(resource)}", f"--namespace={NAMESPACE}")
        assert lost(resource["spec"], found["spec"]) == []
    agent = kubectl.json("agent/todo-tasks", f"--namespace={NAMESPACE}")
    assert agent["spec"]["declarative"]["runtime"] == "go", "the definition's defaults are filled in"


Change = Callable[[Any], None]


@pytest.mark.parametrize(
    ("number", "change", "text"),
    [
        (0, lambda spec: spec.update(protocol="HTTP"), r"spec\.protocol: Unsupported value"),
        (0, lambda spec: spec.pop("url"), r"missing required field \"url\"|spec\.url: Required"),
        (0, lambda spec: spec.update(headers={}), r"unknown field \"(spec\.)?headers\""),
        (1, lambda spec: spec.update(provider="openai"), r"spec\.provider: Unsupported value"),
        (1, lambda spec: spec.pop("model"), r"missing required field \"model\"|spec\.model: Required"),
        (2, lambda spec: spec.update(type="Inline"), r"spec\.type: Unsupported value"),
        (2, lambda spec: spec["declarative"].update(tools={}), r"spec\.declarative\.tools.*array"),
        (
            3,
            lambda spec: spec["declarative"]["tools"][0].update(type="Tool"),
            r"tools.*type: Unsupported value",
        ),
    ],
)
def test_a_wrong_resource_is_refused(kubectl: Kubectl, number: int, change: Change, text: str) -> None:
    resource = copy.deepcopy(RESOURCES[number])
    change(resource["spec"])

    done = apply(kubectl, yaml.safe_dump(resource))

    assert done.code != 0
    assert re.search(text, done.stderr), done.stderr
