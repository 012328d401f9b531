"""What a deployment would change is told field by field."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.kubernetes.difference import changes, plain, refusal


def deployment(image: str = "todo:1", **settings: str) -> dict[str, Any]:
    """Return a Deployment's part that people change."""
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
    assert refusal(lines) == reason
