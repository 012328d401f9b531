"""A deployment's changes are listed field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest

from drydock.command import CommandFailed, Completed
from drydock.deploy.difference import changes, difference, plain, refused
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest, parse


def deployment(image: str = "todo:1", **settings: str) -> dict[str, Any]:
    """Return the parts of a Deployment that users change."""
    variables = [{"name": name, "value": value} for name, value in settings.items()]
    return {"spec": {"replicas": 2, "containers": [{"name": "api", "image": image, "env": variables}]}}


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (deployment(), deployment(), []),
        (deployment(), deployment("todo:2"), ["    spec.containers[api].image: todo:1 → todo:2"]),
        (
            deployment(A="1", B="2"),
            deployment(B="3", A="1"),
            ["    spec.containers[api].env[B].value: 2 → 3"],
        ),
        (
            deployment(A="1"),
            deployment(),
            ['    spec.containers[api].env[A]: {"name": "A", "value": "1"} → none'],
        ),
        ({"data": {"A": ""}}, {"data": {"A": "x", "B": "y"}}, ['    data.A: "" → x', "    data.B: none → y"]),
        ({"ports": [1, 2]}, {"ports": [2]}, ["    ports: [1, 2] → [2]"]),
    ],
)
def test_each_field_that_differs_is_a_line(old: Any, new: Any, lines: list[str]) -> None:
    assert list(changes(old, new)) == lines


def test_a_secrets_values_are_kept_back() -> None:
    old, new = {"type": "Opaque", "data": {"url": "b2xk"}}, {"type": "Own", "data": {"url": "bmV3"}}
    assert list(changes(old, new, secret=True)) == ["    type: Opaque → Own", "    data.url: changed"]


def test_what_the_api_server_writes_itself_is_no_difference() -> None:
    def content(generation: int, applied: str, **status: int) -> dict[str, Any]:
        annotations = {"kubectl.kubernetes.io/last-applied-configuration": applied, "team": "harbour"}
        metadata = {"name": "todo", "generation": generation, "uid": applied, "annotations": annotations}
        return {"kind": "Deployment", "metadata": metadata, "spec": {}, "status": status}

    old, new = plain(content(1, "a", replicas=1)), plain(content(2, "b"))
    assert list(changes(old, new)) == []
    assert new["metadata"] == {"name": "todo", "annotations": {"team": "harbour"}}


@dataclass(frozen=True)
class Cluster:
    """A cluster with running objects by title; its API server returns manifests unchanged."""

    live: Mapping[str, Any]

    def json(self, title: str, *_: str) -> Any:
        return self.live.get(title)

    def run(self, verb: str, *_: str, stdin: str) -> Completed:
        wanted = {one.title: one.content for one in parse(stdin)}
        if verb == "get":
            wanted = {title: self.live[title] for title in wanted if title in self.live}
        return Completed((verb,), 0, json.dumps({"items": list(wanted.values())}), "")


def settings(name: str, level: str) -> dict[str, Any]:
    return {
        "kind": "ConfigMap",
        "metadata": {"name": f"todo-{name}", "namespace": "harbour"},
        "data": {"LOG_LEVEL": level},
    }


def workload(config_map: str) -> dict[str, Any]:
    pod = {"containers": [{"name": "api", "envFrom": [{"configMapRef": {"name": f"todo-{config_map}"}}]}]}
    metadata = {"name": "todo", "namespace": "harbour"}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": pod}}}


OLD, NEW = settings("h246b85595", "DEBUG"), settings("7hh9gc46f4", "INFO")
RUNNING = {
    "namespace/harbour": {},
    "deployment/todo": workload("h246b85595"),
    "configmap/todo-h246b85595": OLD,
}
READ = "spec.template.spec.containers[api].envFrom"


def told(live: Mapping[str, Any], *wanted: dict[str, Any]) -> list[str]:
    """Return the lines, without the Deployment's own line about its ConfigMap."""
    lines = difference(cast("Kubectl", Cluster(live)), [Manifest(one) for one in wanted])
    return [line for line in lines if READ not in line]


def test_changed_settings_are_told_although_their_config_map_has_a_new_name() -> None:
    title = "configmap/todo-7hh9gc46f4, in place of configmap/todo-h246b85595"
    change = "    LOG_LEVEL: DEBUG → INFO"
    wanted = (NEW, workload("7hh9gc46f4"))
    assert told(RUNNING, *wanted) == [f"+ {title}", change, "~ deployment/todo"]
    # An earlier revision had these settings, so their ConfigMap still exists.
    earlier = RUNNING | {"configmap/todo-7hh9gc46f4": NEW}
    assert told(earlier, *wanted) == [f"~ {title}", change, "~ deployment/todo"]


def test_what_runs_as_it_should_is_no_difference() -> None:
    assert told(RUNNING, OLD, workload("h246b85595")) == []


def test_in_a_new_namespace_everything_is_new() -> None:
    assert told({}, OLD, workload("h246b85595")) == ["+ configmap/todo-h246b85595", "+ deployment/todo"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['error: no matches for kind "Deploy"'], 'no matches for kind "Deploy"'),
        (
            ["The Job x is invalid: ", "* spec.a: Required", "* spec.b: 3"],
            "The Job x is invalid: spec.a: Required; spec.b: 3",
        ),
    ],
)
def test_what_the_api_server_refuses_is_one_line(lines: list[str], reason: str) -> None:
    error = refused(CommandFailed(Completed((), 1, "", "\n".join(lines))))
    assert error.values["reason"] == reason
