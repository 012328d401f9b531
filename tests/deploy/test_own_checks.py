"""Each of our own checks finds its fault in an otherwise correct manifest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from drydock.deploy import manifests
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import overlays, render
from drydock.detect.project import load
from drydock.gates.kubernetes import own
from tests.conftest import ROOT

OVERLAYS = overlays(load(ROOT))

Change = Callable[[dict[str, Any]], None]


@cache
def rendered(overlay: str) -> list[Manifest]:
    return manifests.parse(render(load(ROOT), overlay))


def changed(title: str, change: Change, overlay: str = "production") -> list[tuple[str, str]]:
    """Change one rendered object, and return the title and text of each finding."""
    documents = [copy.deepcopy(dict(one.content)) for one in rendered(overlay)]
    wanted = [Manifest(one) for one in documents]
    change(next(dict_ for dict_, one in zip(documents, wanted, strict=True) if one.title.startswith(title)))
    return [(name, text) for _, name, text in own.check(wanted)]


def container(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_overlays_have_no_fault(overlay: str) -> None:
    assert list(own.check(rendered(overlay))) == []


def test_there_is_a_local_and_a_production_overlay() -> None:
    assert OVERLAYS == ["local", "production"]


API = "deployment/todo-chatbot-api"
CASES: list[tuple[str, Change, tuple[str, str]]] = [
    (
        API,
        lambda it: container(it)["livenessProbe"]["httpGet"].update(port="web"),
        ("probe-ports", "livenessProbe of api asks port 'web', which it does not have"),
    ),
    (API, lambda it: container(it).pop("startupProbe"), ("probes", "api has no startupProbe")),
    (
        API,
        lambda it: container(it)["readinessProbe"]["httpGet"].update(path="/livez"),
        ("probes", "api has one path, /livez, for liveness and readiness"),
    ),
    (
        "service/todo-chatbot-api",
        lambda it: it["spec"]["selector"].update({"app.kubernetes.io/name": "todo"}),
        (
            "selectors",
            "its selector {'app.kubernetes.io/component': 'api', 'app.kubernetes.io/name': 'todo'} "
            "matches no pod",
        ),
    ),
    (
        "service/todo-chatbot-api",
        lambda it: it["spec"]["ports"][0].update(targetPort="web"),
        ("service-ports", "leads to port 'web', which deployment/todo-chatbot-api does not have"),
    ),
    (
        API,
        lambda it: container(it)["envFrom"][0]["configMapRef"].update(name="settings"),
        ("references", "needs ConfigMap settings, which does not exist"),
    ),
    (
        API,
        lambda it: it["spec"]["template"]["spec"].update(serviceAccountName="nobody"),
        ("references", "needs ServiceAccount nobody, which does not exist"),
    ),
    (
        API,
        lambda it: container(it)["volumeMounts"][0].update(name="temporary"),
        ("references", "api mounts volume temporary, which does not exist"),
    ),
    (
        "horizontalpodautoscaler/",
        lambda it: it["spec"]["scaleTargetRef"].update(name="todo"),
        ("references", "scales Deployment todo, which does not exist"),
    ),
    (
        API,
        lambda it: container(it).update(imagePullPolicy="Sometimes"),
        (
            "words",
            "spec.template.spec.containers[0].imagePullPolicy is 'Sometimes', "
            "not one of Always, IfNotPresent, Never",
        ),
    ),
    (
        API,
        lambda it: it["spec"]["template"]["spec"]["securityContext"]["seccompProfile"].update(type="Default"),
        (
            "words",
            "spec.template.spec.securityContext.seccompProfile.type is 'Default', "
            "not one of Localhost, RuntimeDefault, Unconfined",
        ),
    ),
    (
        "service/todo-chatbot-api",
        lambda it: it["metadata"].update(name="Todo_API"),
        ("words", "'Todo_API' is not a valid name"),
    ),
    (
        API,
        lambda it: container(it)["resources"]["limits"].update(memory="128MB"),
        ("quantities", "api limits memory is '128MB', which is not a quantity"),
    ),
    (
        API,
        lambda it: container(it)["resources"]["limits"].pop("ephemeral-storage"),
        ("quantities", "api has no limits for ephemeral-storage"),
    ),
    (
        API,
        lambda it: container(it)["livenessProbe"].update(timeoutSeconds=-1),
        (
            "quantities",
            "spec.template.spec.containers[0].livenessProbe.timeoutSeconds is -1,"
            " which is not a number above 0",
        ),
    ),
    (
        API,
        lambda it: it["spec"]["template"]["spec"].pop("enableServiceLinks"),
        ("environment", "enableServiceLinks is not false: a Service's name can overwrite a setting"),
    ),
    (
        API,
        lambda it: container(it)["envFrom"].append({"secretRef": {"name": "todo-chatbot-api"}}),
        ("environment", "api has a secret in its environment; mount it as a file"),
    ),
]


@pytest.mark.parametrize(("title", "change", "expected"), CASES, ids=[case[2][1][:50] for case in CASES])
def test_a_fault_is_found(title: str, change: Change, expected: tuple[str, str]) -> None:
    assert expected in changed(title, change)


def test_a_setting_that_the_application_does_not_know_is_found() -> None:
    wanted = rendered("production")
    known = frozenset(
        name for one in wanted for part in one.containers for name in manifests.environment(part, wanted)
    )
    assert list(own.unknown_names(wanted, "todo-chatbot-api", known)) == []
    found = list(own.unknown_names(wanted, "todo-chatbot-api", known - {"LOG_FORMAT"}))
    assert [(one.title, text) for one, text in found] == [
        ("deployment/todo-chatbot-api", "sets LOG_FORMAT, which the application does not know"),
        ("job/todo-chatbot-api-migration", "sets LOG_FORMAT, which the application does not know"),
    ]


def test_a_secret_that_nobody_brings_is_found() -> None:
    wanted = rendered("production")
    assert list(own.missing_secrets(wanted, ["todo-chatbot-api"])) == []
    assert list(own.missing_secrets(rendered("local"), [])) == []
    found = list(own.missing_secrets(wanted, []))
    text = "needs Secret todo-chatbot-api, which no overlay and no [samples] brings"
    assert [(one.title, said) for one, said in found] == [
        ("deployment/todo-chatbot-api", text),
        ("job/todo-chatbot-api-migration", text),
    ]
