"""The MCP server in the container, used by the official clients."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.mcp_clients import CLIENTS, Call, McpClient, Refused
from tests.support.systems import Account, App, Systems

TOOLS = {"add_task", "list_tasks", "complete_task", "delete_task", "update_task"}
SERVICE_HOST = "todo-api.default.svc.cluster.local:8000"
WEB_ORIGIN = "https://todo.example.com"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> McpClient:
    return CLIENTS[request.param]


def test_an_official_client_works_with_all_five_tools(app: App, ada: Account, client: McpClient) -> None:
    url = f"{app.url}/mcp"
    added = client(
        url,
        ada.token,
        [
            Call("add_task", {"title": "Chart the reef", "description": "both sides"}),
            Call("add_task", {"title": "Mend the net"}),
        ],
    )
    assert set(added.tools) == TOOLS
    first, second = (result.content for result in added.results)
    assert first == {"task_id": first["task_id"], "status": "created", "title": "Chart the reef"}

    changed = client(
        url,
        ada.token,
        [
            Call("complete_task", {"task_id": first["task_id"]}),
            Call("update_task", {"task_id": second["task_id"], "title": "Mend the sail"}),
            Call("list_tasks", {}),
            Call("list_tasks", {"status": "pending"}),
            Call("delete_task", {"task_id": first["task_id"]}),
            Call("list_tasks", {"status": "all"}),
        ],
    )
    completed, updated, everything, pending, deleted, rest = (result.content for result in changed.results)
    assert completed == {"task_id": first["task_id"], "status": "completed", "title": "Chart the reef"}
    assert updated == {"task_id": second["task_id"], "status": "updated", "title": "Mend the sail"}
    assert {(task["title"], task["completed"]) for task in everything} == {
        ("Chart the reef", True),
        ("Mend the sail", False),
    }
    assert pending == [{"id": second["task_id"], "title": "Mend the sail", "completed": False}]
    assert deleted == {"task_id": first["task_id"], "status": "deleted", "title": "Chart the reef"}
    assert [task["id"] for task in rest] == [second["task_id"]]


def test_a_user_reaches_nobody_elses_tasks(app: App, ada: Account, grace: Account, client: McpClient) -> None:
    url = f"{app.url}/mcp"
    secret = client(url, ada.token, [Call("add_task", {"title": "Bury the treasure"})]).results[0].content
    number = secret["task_id"]
    answers = client(
        url,
        grace.token,
        [
            Call("list_tasks", {}),
            Call("complete_task", {"task_id": number}),
            Call("update_task", {"task_id": number, "title": "Mine now"}),
            Call("delete_task", {"task_id": number}),
        ],
    ).results
    assert answers[0].content == []
    assert all(answer.failed for answer in answers[1:])
    assert not any("treasure" in answer.text for answer in answers)
    with app.api(ada) as api:
        kept = api.get(f"/tasks/{number}").json()
        assert (kept["title"], kept["completed"]) == ("Bury the treasure", False)


def test_no_tool_takes_a_user_and_a_smuggled_one_changes_nothing(
    app: App, ada: Account, grace: Account, client: McpClient
) -> None:
    visit = client(
        f"{app.url}/mcp",
        grace.token,
        [Call("add_task", {"title": "For somebody else", "user_id": ada.user.id})],
    )
    assert not any("user" in name for schema in visit.tools.values() for name in schema["properties"])
    with app.api(ada) as api:
        assert api.get("/tasks").json() == []


def test_an_official_client_without_a_good_token_is_refused(app: App, client: McpClient) -> None:
    with pytest.raises(Refused):
        client(f"{app.url}/mcp", "not-a-token", [])


def test_errors_of_a_tool_reach_the_client_as_text(app: App, ada: Account, client: McpClient) -> None:
    answers = client(
        f"{app.url}/mcp",
        ada.token,
        [Call("complete_task", {"task_id": 999_999_999}), Call("add_task", {"title": ""})],
    ).results
    assert all(answer.failed for answer in answers)
    assert "999999999" in answers[0].text


def test_the_protected_resource_metadata_names_the_authorization_server(app: App) -> None:
    with app.client() as client:
        refused = client.post("/mcp", json={})
        assert refused.status_code == 401
        challenge = refused.headers["WWW-Authenticate"]
        address = challenge.split('resource_metadata="')[1].split('"')[0]
        document = httpx2.get(address, trust_env=False).json()
    assert document["resource"] == f"{app.url}/mcp"
    assert document["authorization_servers"] == ["https://auth.todo.example"]
    assert document["bearer_methods_supported"] == ["header"]


def test_any_replica_answers_any_request_of_a_client(app: App, neighbourhood: Systems, ada: Account) -> None:
    with neighbourhood.app(neighbourhood.environment("shared")) as replica:
        for number, container in enumerate((app, replica, app, replica)):
            with container.client(ada.token) as client:
                answer = _call(client, "add_task", {"title": f"Turn {number}"})
                assert answer["status"] == "created"
        with app.client(ada.token) as one, replica.client(ada.token) as other:
            assert _call(one, "list_tasks", {}) == _call(other, "list_tasks", {})


def test_readiness_shows_the_state_of_the_mcp_server(app: App, ada: Account) -> None:
    with app.client(ada.token) as client:
        _call(client, "list_tasks", {})  # answers only after the server has loaded
        assert client.get("/readyz").json()["checks"]["mcp"] == "ready"


@pytest.mark.parametrize("further", [{}, {"Last-Event-ID": "7"}, {"MCP-Protocol-Version": "2026-07-28"}])
def test_there_is_no_stream_to_open(app: App, ada: Account, further: dict[str, str]) -> None:
    with app.client(ada.token) as client:
        answer = client.get("/mcp", headers={"Accept": "text/event-stream", **further})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_no_subscription_is_advertised_or_taken(app: App, ada: Account) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }

    def ask(client: httpx2.Client, method: str, **params: object) -> httpx2.Response:
        headers = _ACCEPT | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}
        return client.post("/mcp", headers=headers, json=body)

    with app.client(ada.token) as client:
        capabilities = ask(client, "server/discover").raise_for_status().json()["result"]["capabilities"]
        refused = ask(client, "subscriptions/listen", notifications={"toolsListChanged": True})
    assert set(capabilities) == {"tools"}
    assert not capabilities["tools"].get("listChanged")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == -32601


@pytest.fixture(scope="module")
def cluster_app(app: App, neighbourhood: Systems) -> Iterator[App]:
    """A second container on the shared one's database, configured with its names in a cluster."""
    environment = neighbourhood.environment("shared")
    environment |= {"MCP_ALLOWED_HOSTS": SERVICE_HOST, "MCP_ALLOWED_ORIGINS": WEB_ORIGIN}
    with neighbourhood.app(environment) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": SERVICE_HOST}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": SERVICE_HOST, "Origin": WEB_ORIGIN}, 200),
        ({"Host": SERVICE_HOST, "Origin": "https://evil.example"}, 403),
    ],
    ids=["service host", "foreign host", "web origin", "foreign origin"],
)
def test_host_and_origin_are_checked_against_the_settings(
    cluster_app: App, ada: Account, headers: dict[str, str], status: int
) -> None:
    with cluster_app.client(ada.token) as client:
        assert client.post("/mcp", headers=headers | _ACCEPT, json=_LIST).status_code == status


def test_the_service_host_is_refused_where_no_setting_allows_it(app: App, ada: Account) -> None:
    with app.client(ada.token) as client:
        assert client.post("/mcp", headers={"Host": SERVICE_HOST} | _ACCEPT, json=_LIST).status_code == 421


_ACCEPT = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def _call(client: httpx2.Client, name: str, arguments: dict[str, object]) -> dict[str, object]:
    """Call one tool without a handshake or session, and return its structured answer."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }
    answer = client.post("/mcp", headers=_ACCEPT, json=body).raise_for_status()
    structured: dict[str, object] = answer.json()["result"]["structuredContent"]
    return structured
