"""Properties of every request: problems, limits, headers, documentation, metrics."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from todo_api.http.rate import REMEMBERED_USERS, Allowance, RateLimit
from todo_api.main import create_app
from todo_api.settings import Settings

TASKS = "/api/ada/tasks"
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/ada/nowhere", 404),
        ("GET", "/docs/../secrets", 404),
        ("DELETE", "/livez", 405),
        ("PATCH", TASKS, 405),
        ("GET", f"{TASKS}/9", 404),
        ("GET", f"{TASKS}?limit=0", 422),
        ("GET", "/api/bob/tasks", 403),
        ("POST", "/api/ada/chat", 422),
    ],
)
def test_every_error_is_a_problem(
    client: TestClient, ada: dict[str, str], method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, headers=ada)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) - {"errors"} == PROBLEM_MEMBERS
    assert body["status"] == status
    assert body["type"].startswith("urn:todo-chatbot-api:problem:")
    assert body["instance"] == path.partition("?")[0].replace("/docs/..", "")
    assert body["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/livez", "GET, HEAD"),
        ("PATCH", TASKS, "GET, POST"),
        ("POST", f"{TASKS}/7", "DELETE, GET, PATCH, PUT"),
        ("GET", f"{TASKS}/7/complete", "PATCH"),
        ("GET", "/api/ada/chat", "POST"),
    ],
)
def test_405_names_every_allowed_method(
    client: TestClient, ada: dict[str, str], method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path, headers=ada)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health"])
def test_probes_answer_head(client: TestClient, path: str) -> None:
    assert client.head(path).status_code == 200


@pytest.mark.parametrize("name", ["Host", "Authorization"])
@pytest.mark.parametrize("path", [TASKS, "/mcp", "/livez"])
def test_repeated_header_is_400(client: TestClient, ada: dict[str, str], name: str, path: str) -> None:
    first = {"Host": "testserver", **ada}
    answer = client.get(path, headers=[*first.items(), (name, first[name])])
    assert answer.status_code == 400
    assert answer.json()["type"].rpartition(":")[2] == "repeated-header"


def test_metrics_ask_for_their_token_where_one_is_set(make_settings: MakeSettings) -> None:
    token = "a-long-random-text"
    with TestClient(create_app(make_settings(metrics_token=token))) as client:
        through_proxy = {"X-Forwarded-For": "203.0.113.9"}
        for given in (
            {},
            {"Authorization": "Bearer other"},
            {"Authorization": "Bearer \xe9".encode("latin-1")},
        ):
            assert client.get("/metrics", headers={**through_proxy, **given}).status_code == 401
        headers = {**through_proxy, "Authorization": f"Bearer {token}"}
        assert client.get("/metrics", headers=headers).status_code == 200


def test_gauge_of_a_killed_process_is_forgotten(tmp_path: Path) -> None:
    program = "from todo_api import metrics; metrics.IN_FLIGHT.inc(); import os, signal; {end}"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(end: str) -> str:
        command = [sys.executable, "-c", program.format(end=end)]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True).stdout

    run("os.kill(os.getpid(), signal.SIGKILL)")
    assert list(tmp_path.glob("gauge_live*"))
    shown = run("print(metrics.render()[0].decode())")
    assert "http_requests_in_flight 1.0" in shown


def test_crash_is_a_problem_that_tells_nothing(
    capfd: pytest.CaptureFixture[str], app: FastAPI, ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret ingredient")

    monkeypatch.setattr("todo_api.db.tasks.list_page", crash)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get(TASKS, headers=ada)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "ingredient" not in answer.text
    assert "the secret ingredient" in capfd.readouterr().err


def test_refused_values_are_not_repeated(client: TestClient, ada: dict[str, str]) -> None:
    answer = client.post(TASKS, json={"title": ["hunter2"]}, headers=ada)
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", TASKS),
        ("PUT", f"{TASKS}/1"),
        ("POST", "/api/ada/chat"),
        ("POST", "/api/ada/chat/stream"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"title": "\xe9"}',
        b'\xff\xfe{\x00"\x00',
        b"[" * 60_000,
        b'{"title": ' + b"9" * 5000 + b"}",
        b"{",
        b'{"\\ud800": 1}',
    ],
    ids=["Latin-1", "cut UTF-16", "too deep", "too long a number", "cut JSON", "half a surrogate pair"],
)
def test_body_that_cannot_be_read_is_the_documented_422(
    client: TestClient, ada: dict[str, str], method: str, path: str, body: bytes
) -> None:
    answer = client.request(method, path, content=body, headers={**ada, "Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:todo-chatbot-api:problem:invalid-request"
    error = answer.json()["errors"][0]
    assert (error["in"], error["pointer"][0]) == ("body", "#")


def test_large_body_is_413(client: TestClient, ada: dict[str, str]) -> None:
    answer = client.post(TASKS, content=b'{"title": "' + b"x" * 70_000 + b'"}', headers=ada)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (413, "body-too-large")


@pytest.mark.parametrize("path", [TASKS, "/mcp"])
def test_large_body_of_unknown_length_is_413(client: TestClient, ada: dict[str, str], path: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(70):
            yield b" " * 1000

    headers = {**ada, "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answer = client.post(path, content=pieces(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_request_id_is_taken_over_or_made(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    made = client.get("/livez", headers={"X-Request-ID": "two words"}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_answers_are_neither_cached_nor_sniffed(client: TestClient, ada: dict[str, str]) -> None:
    headers = client.get(TASKS, headers=ada).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_user_over_the_limit_is_429_until_time_has_passed(make_settings: MakeSettings) -> None:
    settings = make_settings(rate_limit=3)
    with TestClient(create_app(settings)) as client:
        ada, bob = bearer(settings, "ada"), bearer(settings, "bob")
        answers = [client.get(TASKS, headers=ada) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
        assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"requests";q=3;w=60'] * 4
        states = [answer.headers["RateLimit"] for answer in answers]
        assert [state.partition(";t=")[0] for state in states] == [
            '"requests";r=2', '"requests";r=1', '"requests";r=0', '"requests";r=0',
        ]  # fmt: skip
        assert client.get("/api/bob/tasks", headers=bob).status_code == 200
        assert client.post("/mcp", headers=ada).status_code == 429
        assert client.get("/livez").status_code == 200


def test_allowance_grows_back() -> None:
    now = 0.0
    limit = RateLimit("requests", 60, clock=lambda: now)
    assert [limit.take("ada") for _ in range(60)] == [
        Allowance(0.0, 59 - number, pytest.approx(number + 1)) for number in range(60)
    ]
    assert limit.take("ada") == Allowance(pytest.approx(1.0), 0, pytest.approx(60))
    now = 1.0
    assert limit.take("ada") == Allowance(0.0, 0, pytest.approx(60))
    assert limit.take("ada").wait > 0


def test_limit_remembers_a_bounded_number_of_users() -> None:
    limit = RateLimit("requests", 1)
    for number in range(REMEMBERED_USERS + 10):
        limit.take(str(number))
    assert len(limit._buckets) == REMEMBERED_USERS


def preflight(client: TestClient, origin: str) -> Any:
    return client.options(TASKS, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


def test_only_named_origins_may_call(make_settings: MakeSettings) -> None:
    with TestClient(create_app(make_settings(cors_origins="https://app.example.com"))) as client:
        allowed = preflight(client, "https://app.example.com")
        assert allowed.status_code == 200
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert "Access-Control-Allow-Origin" not in preflight(client, "https://evil.example.com").headers
        refused = client.get(TASKS, headers={"Origin": "https://app.example.com"})
        assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def test_page_of_an_mcp_client_may_send_its_headers_and_read_replays(make_settings: MakeSettings) -> None:
    origin = "https://app.example.com"
    with TestClient(create_app(make_settings(cors_origins=origin))) as client:
        sent = "authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version"
        answer = client.options(
            "/mcp",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": f"{sent}, mcp-session-id, traceparent",
            },
        )
        assert answer.status_code == 200
        exposed = client.get("/livez", headers={"Origin": origin}).headers["Access-Control-Expose-Headers"]
        assert "Idempotency-Replayed" in exposed


def test_page_may_read_a_500(
    make_settings: MakeSettings, ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("todo_api.db.tasks.list_page", crash)
    origin = "https://app.example.com"
    with TestClient(create_app(make_settings(cors_origins=origin)), raise_server_exceptions=False) as client:
        answer = client.get(TASKS, headers={**ada, "Origin": origin})
    assert answer.status_code == 500
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "X-Request-ID" in answer.headers


def test_no_origin_may_call_by_default(client: TestClient) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(client, "https://app.example.com").headers


def test_docs_come_from_the_service_alone(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        if not link.startswith("data:"):
            asset = client.get(f"/{link}")
            assert asset.status_code == 200
            assert asset.headers["Content-Encoding" if not link.endswith("start.js") else "Content-Type"]
    plain = client.get("/docs/swagger-ui.css", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == client.get("/docs/swagger-ui.css").text


@pytest.mark.parametrize(
    ("environment", "docs", "status"),
    [
        ("development", None, 200),
        ("development", False, 404),
        ("production", None, 404),
        ("production", True, 200),
    ],
)
def test_docs_are_off_in_production_unless_asked_for(
    make_settings: MakeSettings, environment: str, docs: bool | None, status: int
) -> None:
    production = {
        "database_url": "postgresql://u:p@127.0.0.1:1/d",
        "better_auth_url": "https://app.example.com",
    }
    settings = make_settings(
        environment=environment, docs=docs, **(production if environment == "production" else {})
    )
    with TestClient(create_app(settings)) as client:
        assert [client.get(path).status_code for path in ("/docs", "/openapi.json")] == [status] * 2


def test_document_names_the_server(make_settings: MakeSettings) -> None:
    for public_url, url in ((None, "/"), ("https://todo.example.com/base/", "https://todo.example.com/base")):
        with TestClient(create_app(make_settings(public_url=public_url))) as client:
            assert client.get("/openapi.json").json()["servers"] == [{"url": url}]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_body_of_another_type_is_415(client: TestClient, ada: dict[str, str], media_type: str | None) -> None:
    headers = {**ada, **({"Content-Type": media_type} if media_type else {})}
    answer = client.post(TASKS, content=b'{"title": "x"}', headers=headers)
    assert (answer.status_code, answer.headers["Accept"]) == (415, "application/json")
    assert answer.json()["type"].rpartition(":")[2] == "unsupported-media-type"


def test_wrong_values_are_named_by_place_and_json_pointer(client: TestClient, ada: dict[str, str]) -> None:
    def named(answer: Any) -> list[tuple[str, str]]:
        return [(error["in"], error["pointer"]) for error in answer.json()["errors"]]

    assert named(client.get(TASKS, params={"limit": 0}, headers=ada)) == [("query", "#/limit")]
    assert named(client.get(f"{TASKS}/x", headers=ada)) == [("path", "#/task_id")]
    body = {"title": "x", "a/b ~ä": 1}
    assert named(client.post(TASKS, json=body, headers=ada)) == [("body", "#/a~1b%20~0%C3%A4")]
    assert named(client.post(TASKS, json=[], headers=ada)) == [("body", "#")]
    key = {"Idempotency-Key": " "}
    assert named(client.post(TASKS, json={"title": "x"}, headers={**ada, **key})) == [
        ("header", "#/Idempotency-Key")
    ]


def operations(client: TestClient) -> list[tuple[str, str, dict[str, Any]]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [(path, method, operation) for path, item in paths.items() for method, operation in item.items()]


def test_every_operation_documents_its_errors_with_examples(client: TestClient) -> None:
    found = operations(client)
    assert len(found) == 18
    assert {operation["operationId"] for *_, operation in found} == {
        "add_task", "add_tasks", "chat", "chat_stream", "delete_conversation", "delete_task",
        "delete_user_data", "get_conversation", "get_task", "health", "list_conversations", "list_tasks",
        "livez", "readyz", "rename_conversation", "replace_task", "toggle_task", "update_task",
    }  # fmt: skip
    for path, _, operation in found:
        if not path.startswith("/api/"):
            continue
        assert operation["security"] == [{"BetterAuth": []}]
        responses = operation["responses"]
        assert {"401", "403", "422", "429", "500", "503"} <= set(responses)
        for status, response in responses.items():
            if int(status) >= 400:
                content = response["content"]["application/problem+json"]
                assert content["example"]["status"] == int(status)
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}


def test_every_body_in_the_document_has_an_example(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    described = [
        *("Task", "TaskBatch", "TaskBatchCreate", "TaskCreate", "TaskPatch", "TaskReplace"),
        *("ChatRequest", "ChatResponse", "Conversation", "ConversationPatch", "ConversationWithMessages"),
    ]
    for name in (*described, "Health"):
        assert schemas[name]["examples"], name
    assert "HTTPValidationError" not in schemas


def test_metrics_count_requests_by_route(client: TestClient, ada: dict[str, str]) -> None:
    def count() -> float:
        found = re.search(
            r'^http_requests_total\{method="GET",route="/api/\{user_id\}/tasks",status="200"\} (\S+)',
            client.get("/metrics").text,
            re.MULTILINE,
        )
        return float(found[1]) if found else 0.0

    before = count()
    client.get(TASKS, headers=ada)
    assert count() == before + 1
    assert "ada" not in client.get("/metrics").text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_metrics_do_not_exist_behind_a_proxy(client: TestClient, header: str) -> None:
    assert client.get("/metrics", headers={header: "203.0.113.9"}).status_code == 404


def test_public_url_is_used_for_links(make_settings: MakeSettings) -> None:
    settings: Settings = make_settings(public_url="https://todo.example.com/")
    with TestClient(create_app(settings)) as client:
        found = client.get("/.well-known/oauth-protected-resource").json()
        assert found["resource"] == "https://todo.example.com/mcp"


def test_hostile_host_header_is_not_repeated(client: TestClient) -> None:
    challenge = client.post("/mcp", headers={"Host": 'x", error="'}).headers["WWW-Authenticate"]
    assert challenge.count('"') == 2
