"""MCP at /mcp: five tools, one user, any replica."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from todo_api.main import create_app

HEADERS = {"Accept": "application/json, text/event-stream", "Host": "localhost:8000"}


def rpc(client: TestClient, headers: dict[str, str], method: str, **params: Any) -> dict[str, Any]:
    """Send one JSON-RPC request and return its result or error."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = client.post("/mcp", json=body, headers={**HEADERS, **headers})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def call(client: TestClient, headers: dict[str, str], name: str, **arguments: Any) -> Any:
    """Call a tool and return its structured result, or its error's text."""
    result = rpc(client, headers, "tools/call", name=name, arguments=arguments)["result"]
    if result.get("isError"):
        return result["content"][0]["text"]
    found = result["structuredContent"]
    return found["result"] if set(found) == {"result"} else found


def test_server_introduces_itself(client: TestClient, ada: dict[str, str]) -> None:
    result = rpc(
        client, ada, "initialize", protocolVersion="2025-06-18", capabilities={},
        clientInfo={"name": "test", "version": "1"},
    )["result"]  # fmt: skip
    assert result["serverInfo"]["name"] == "todo"
    assert "list_tasks" in result["instructions"]


def test_first_request_does_not_wait_for_a_probe(
    monkeypatch: pytest.MonkeyPatch, app: FastAPI, ada: dict[str, str]
) -> None:
    monkeypatch.setattr("todo_api.main.LOAD_DELAY_SECONDS", 3600)
    with TestClient(app) as client:
        assert rpc(client, ada, "tools/list")["result"]["tools"]


MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def test_nothing_is_advertised_that_never_comes(client: TestClient, ada: dict[str, str]) -> None:
    headers = ada | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"}
    modern = rpc(client, headers, "server/discover", _meta=MODERN)["result"]
    handshake = rpc(
        client, ada, "initialize", protocolVersion="2025-06-18", capabilities={},
        clientInfo={"name": "test", "version": "1"},
    )["result"]  # fmt: skip
    for result in (modern, handshake):
        capabilities = result["capabilities"]
        assert set(capabilities) == {"tools"}
        assert not capabilities["tools"].get("listChanged")


@pytest.mark.parametrize("method", ["prompts/list", "resources/list", "resources/templates/list"])
def test_lists_that_are_not_advertised_are_unknown(
    client: TestClient, ada: dict[str, str], method: str
) -> None:
    assert rpc(client, ada, method)["error"]["code"] == -32601


def test_subscription_is_refused_at_once(client: TestClient, ada: dict[str, str]) -> None:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"_meta": MODERN, "notifications": {"toolsListChanged": True}},
    }
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}
    answer = client.post("/mcp", json=body, headers={**HEADERS, **ada, **headers})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == -32601


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
@pytest.mark.parametrize("further", [{}, {"Last-Event-ID": "7"}, {"MCP-Protocol-Version": "2026-07-28"}])
def test_mcp_takes_nothing_but_post(
    client: TestClient, ada: dict[str, str], method: str, further: dict[str, str]
) -> None:
    answer = client.request(method, "/mcp", headers={**HEADERS, **ada, **further})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_the_five_tools_take_no_user(client: TestClient, ada: dict[str, str]) -> None:
    tools = {tool["name"]: tool for tool in rpc(client, ada, "tools/list")["result"]["tools"]}
    assert set(tools) == {"add_task", "list_tasks", "complete_task", "delete_task", "update_task"}
    for tool in tools.values():
        assert tool["description"]
        assert "user_id" not in tool["inputSchema"]["properties"]


def test_tools_do_what_they_say(client: TestClient, ada: dict[str, str]) -> None:
    added = call(client, ada, "add_task", title="Buy milk", description="Two litres")
    number = added["task_id"]
    assert added == {"task_id": number, "status": "created", "title": "Buy milk"}
    assert call(client, ada, "list_tasks") == [{"id": number, "title": "Buy milk", "completed": False}]
    updated = call(client, ada, "update_task", task_id=number, title="Buy oat milk")
    assert updated == {"task_id": number, "status": "updated", "title": "Buy oat milk"}
    for _ in range(2):
        assert call(client, ada, "complete_task", task_id=number)["status"] == "completed"
    assert call(client, ada, "list_tasks", status="pending") == []
    assert call(client, ada, "list_tasks", status="completed")[0]["id"] == number
    task = client.get(f"/api/ada/tasks/{number}", headers=ada).json()
    assert (task["description"], task["completed"]) == ("Two litres", True)
    assert call(client, ada, "delete_task", task_id=number)["status"] == "deleted"
    assert call(client, ada, "list_tasks") == []


def test_list_reaches_every_task_though_those_seen_are_deleted(
    client: TestClient, ada: dict[str, str]
) -> None:
    for start in range(0, 450, 90):
        tasks = [{"title": f"task {start + number}"} for number in range(90)]
        client.post("/api/ada/tasks/batch", json={"tasks": tasks}, headers=ada)
    seen: list[int] = []
    page = call(client, ada, "list_tasks")
    while page:
        seen += [task["id"] for task in page]
        call(client, ada, "delete_task", task_id=seen[-1])
        page = call(client, ada, "list_tasks", status="pending", before_id=seen[-1])
    assert len(seen) == 450
    assert seen == sorted(seen, reverse=True)


def test_user_comes_from_the_token_whatever_the_arguments_say(
    client: TestClient, ada: dict[str, str], bob: dict[str, str]
) -> None:
    number = call(client, ada, "add_task", title="Ada's")["task_id"]
    for name, arguments in {
        "complete_task": {}, "delete_task": {}, "update_task": {"title": "Bob's now"},
    }.items():  # fmt: skip
        text = call(client, bob, name, task_id=number, user_id="ada", **arguments)
        assert (
            text == f"Error executing tool {name}: There is no task {number}; call list_tasks to see the ids."
        )
    assert call(client, bob, "list_tasks", user_id="ada") == []
    assert call(client, ada, "list_tasks")[0]["title"] == "Ada's"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_task", {}),
        ("add_task", {"title": ""}),
        ("add_task", {"title": "x" * 201}),
        ("add_task", {"title": "a\0"}),
        ("list_tasks", {"status": "lost"}),
        ("complete_task", {"task_id": 0}),
        ("complete_task", {"task_id": 2**63}),
        ("complete_task", {"task_id": "first"}),
        ("update_task", {"task_id": 1}),
        ("drop_tables", {}),
    ],
)
def test_wrong_call_is_an_error_for_the_model_to_read(
    client: TestClient, ada: dict[str, str], name: str, arguments: dict[str, Any]
) -> None:
    answer = rpc(client, ada, "tools/call", name=name, arguments=arguments)
    assert "error" in answer or answer["result"]["isError"]
    assert "Traceback" not in str(answer)


def test_request_without_a_token_is_401(client: TestClient) -> None:
    answer = client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=HEADERS)
    assert answer.status_code == 401
    assert "resource_metadata=" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8000", None, 200),
        ("127.0.0.1", None, 200),
        ("todo-api.default.svc:8000", None, 200),
        ("todo.example.com", "https://todo.example.com", 200),
        ("todo.example.com", "https://app.example.com", 200),
        ("evil.example.com", None, 421),
        ("localhost:8000", "https://evil.example.com", 403),
    ],
)
def test_host_and_origin_are_checked(
    make_settings: MakeSettings, host: str, origin: str | None, status: int
) -> None:
    settings = make_settings(
        public_url="https://todo.example.com",
        mcp_allowed_hosts="todo-api.default.svc:*",
        cors_origins="https://app.example.com",
    )
    headers = {**HEADERS, **bearer(settings, "ada"), "Host": host, **({"Origin": origin} if origin else {})}
    with TestClient(create_app(settings)) as client:
        answer = client.post(
            "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers
        )
        assert answer.status_code == status


def test_any_replica_answers_any_request(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ada = bearer(settings, "ada")
    with TestClient(create_app(settings)) as one, TestClient(create_app(settings)) as other:
        test_server_introduces_itself(one, ada)
        number = call(other, ada, "add_task", title="Anywhere")["task_id"]
        assert call(one, ada, "complete_task", task_id=number)["status"] == "completed"


def test_database_outage_is_told_to_the_model(make_settings: MakeSettings) -> None:
    settings = make_settings(database_url="postgresql://u:p@127.0.0.1:1/d", database_timeout=1)
    with TestClient(create_app(settings)) as client:
        text = call(client, bearer(make_settings(), "ada"), "list_tasks")
        assert text == "Error executing tool list_tasks: The database does not answer; try again in a moment."


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"Accept": "text/html"}, 406),
        ("POST", {"Content-Type": "text/plain"}, 415),
        ("POST", {"Host": "evil.example.com"}, 421),
        ("POST", {"Origin": "https://evil.example.com"}, 403),
        ("GET", {}, 405),
        ("DELETE", {}, 405),
        ("POST", {"Authorization": "Bearer x"}, 401),
    ],
)
def test_refusals_of_the_transport_are_problems(
    client: TestClient, ada: dict[str, str], method: str, headers: dict[str, str], status: int
) -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
    sent = {**HEADERS, "Content-Type": "application/json", **ada, **headers}
    answer = client.request(method, "/mcp", content=body, headers=sent)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert answer.headers.get("Allow") == ("POST" if status == 405 else None)


def test_errors_of_the_protocol_stay_json_rpc(client: TestClient, ada: dict[str, str]) -> None:
    sent = {**HEADERS, "Content-Type": "application/json", **ada}
    broken = client.post("/mcp", content=b"{", headers=sent)
    assert broken.json()["error"]["code"] == -32700
    unknown = client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "nothing/here"}, headers=sent)
    assert unknown.json()["error"]["code"] == -32601
