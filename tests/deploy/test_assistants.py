"""The assistants' own parsers accept our files for them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT

ASSISTANTS = ROOT / "deploy" / "assistants"
SCHEMAS = Path(__file__).parent / "schemas"

Change = Callable[[Any], Any]


def schema(vendor: str, name: str) -> Any:
    """Return a vendored schema that refuses unknown fields."""
    return strict(json.loads((SCHEMAS / f"{vendor}.json").read_text())["schemas"][name])


def strict(value: Any) -> Any:
    """Refuse unknown fields in all objects of a schema, as a strict `kubectl apply` does."""
    if isinstance(value, list):
        return [strict(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: strict(item) for key, item in value.items()}
    if made.get("type") == "object" and "properties" in made and "metadata" not in made["properties"]:
        made.setdefault("additionalProperties", False)
    return made


def problem(content: Any, wanted: Any) -> str:
    """Return a schema's reason to refuse some content, or an empty text."""
    found = jsonschema.Draft202012Validator(wanted).iter_errors(content)
    return "; ".join(f"{'/'.join(map(str, error.path))}: {error.message}" for error in found)


def resource(name: str) -> Any:
    documents = yaml.safe_load_all((ASSISTANTS / "kagent" / "todo.yaml").read_text())
    return next(one for one in documents if f"{one['kind']}/{one['metadata']['name']}" == name)


FILES = [
    ("gordon/todo-chatbot-api.yaml", "docker-mcp", "entry"),
    ("gordon/todo-chatbot-api-stdio.yaml", "docker-mcp", "entry"),
    ("kubectl-ai/mcp.yaml", "kubectl-ai", "mcp"),
    ("kubectl-ai/tools.yaml", "kubectl-ai", "tools"),
]
RESOURCES = ["RemoteMCPServer/todo", "ModelConfig/todo", "Agent/todo-tasks", "Agent/todo-operator"]


@pytest.mark.parametrize(("name", "vendor", "part"), FILES)
def test_a_file_is_accepted(name: str, vendor: str, part: str) -> None:
    assert problem(yaml.safe_load((ASSISTANTS / name).read_text()), schema(vendor, part)) == ""


@pytest.mark.parametrize("name", RESOURCES)
def test_a_kagent_resource_is_accepted(name: str) -> None:
    assert problem(resource(name), schema("kagent", name.partition("/")[0])) == ""


def test_every_file_for_an_assistant_is_judged() -> None:
    judged = {name for name, _, _ in FILES} | {"kagent/todo.yaml"}
    assert {str(path.relative_to(ASSISTANTS)) for path in ASSISTANTS.rglob("*.yaml")} == judged
    documents = yaml.safe_load_all((ASSISTANTS / "kagent" / "todo.yaml").read_text())
    assert [f"{one['kind']}/{one['metadata']['name']}" for one in documents] == RESOURCES


def rename(old: str, new: str) -> Change:
    """Return a change that renames a field everywhere."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if isinstance(value, dict):
            return {new if key == old else key: change(item) for key, item in value.items()}
        return value

    return change


def put(value: object, *path: str | int) -> Change:

    def change(content: Any) -> Any:
        made = copy.deepcopy(content)
        inner = made
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        return made

    return change


@pytest.mark.parametrize(
    ("name", "vendor", "part", "change", "text"),
    [
        (*FILES[0], rename("transport_type", "transport"), "'transport' was unexpected"),
        (*FILES[0], rename("remote", "url"), "'remote' is a required property"),
        (*FILES[0], put("stdio", "remote", "transport_type"), "'stdio' is not one of"),
        (*FILES[1], rename("image", "container"), "'image' is a required property"),
        (*FILES[2], rename("useStreaming", "use_streaming"), "'use_streaming' was unexpected"),
        (
            *FILES[2],
            put({"todo": {"url": "https://todo.example.com/mcp"}}, "servers"),
            "is not of type 'array'",
        ),
        (*FILES[2], put("token", "servers", 0, "auth", "type"), "'token' is not one of"),
        (*FILES[3], rename("commandDesc", "usage"), "'commandDesc' is a required property"),
        (*FILES[3], rename("isInteractive", "is_interactive"), "'is_interactive' was unexpected"),
    ],
)
def test_a_wrong_file_is_refused(name: str, vendor: str, part: str, change: Change, text: str) -> None:
    content = change(yaml.safe_load((ASSISTANTS / name).read_text()))
    assert text in problem(content, schema(vendor, part))


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        (RESOURCES[0], rename("url", "endpoint"), "'url' is a required property"),
        (RESOURCES[0], put("HTTP", "spec", "protocol"), "'HTTP' is not one of"),
        (RESOURCES[0], rename("headersFrom", "headers"), "'headers' was unexpected"),
        (RESOURCES[1], put("openai", "spec", "provider"), "'openai' is not one of"),
        (RESOURCES[1], rename("apiKeySecret", "apiKeySecretRef"), "'apiKeySecretRef' was unexpected"),
        (RESOURCES[2], put("Inline", "spec", "type"), "'Inline' is not one of"),
        (RESOURCES[2], rename("mcpServer", "mcp"), "'mcp' was unexpected"),
        (RESOURCES[3], put("Tool", "spec", "declarative", "tools", 0, "type"), "'Tool' is not one of"),
    ],
)
def test_a_wrong_kagent_resource_is_refused(name: str, change: Change, text: str) -> None:
    assert text in problem(change(resource(name)), schema("kagent", name.partition("/")[0]))


def test_agents_refer_to_what_is_there() -> None:
    tasks = resource("Agent/todo-tasks")["spec"]["declarative"]
    assert tasks["modelConfig"] == resource("ModelConfig/todo")["metadata"]["name"]
    assert tasks["tools"][0]["mcpServer"]["name"] == resource("RemoteMCPServer/todo")["metadata"]["name"]
