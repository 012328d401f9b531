"""Operators' tools: limits, metrics, traces, CORS, logs."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from tests.support import faults, process
from tests.support.systems import AUTH_HOST, Account, App, Systems

WEB_ORIGIN = "https://todo.example.com"


@pytest.fixture(scope="module")
def workers(neighbourhood: Systems) -> Iterator[App]:
    """A container with two workers and non-default settings."""
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("workers"))
    environment |= {"WEB_CONCURRENCY": "2", "CORS_ORIGINS": WEB_ORIGIN, "MAX_BODY_BYTES": "2048"}
    with neighbourhood.app(environment) as running:
        yield running


def test_the_rate_limit_answers_429_with_retry_after_and_spares_others(
    neighbourhood: Systems, ada: Account, grace: Account
) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("limited"))
    environment["RATE_LIMIT_PER_MINUTE"] = "5"
    with neighbourhood.app(environment) as app, app.api(ada) as hers, app.api(grace) as others:
        answers = [hers.get("/tasks") for _ in range(8)]
        assert [answer.status_code for answer in answers[:5]] == [200] * 5
        refused = answers[-1]
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert others.get("/tasks").status_code == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["declared length", "chunked"])
def test_a_body_over_the_limit_is_413(workers: App, ada: Account, chunked: bool) -> None:
    body = json.dumps({"title": "x", "description": "y" * 4000}).encode()
    pieces = (body[start : start + 500] for start in range(0, len(body), 500))
    with workers.api(ada) as api:
        answer = api.post(
            "/tasks", content=pieces if chunked else body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_only_configured_origins_may_read_answers(workers: App, ada: Account) -> None:
    with workers.api(ada) as api:
        allowed = api.get("/tasks", headers={"Origin": WEB_ORIGIN})
        foreign = api.get("/tasks", headers={"Origin": "https://evil.example"})
        preflight = api.options(
            "/tasks",
            headers={
                "Origin": "https://evil.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            },
        )
    assert allowed.headers["Access-Control-Allow-Origin"] == WEB_ORIGIN
    for answer in (foreign, preflight):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_may_send_what_mcp_clients_send_and_read_every_answer(
    workers: App, neighbourhood: Systems, ada: Account
) -> None:
    headers = "authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
    origin = {"Origin": WEB_ORIGIN}
    rename = "ALTER TABLE tasks RENAME COLUMN {} TO {}"
    with workers.client() as client, workers.api(ada) as api:
        assert client.options("/mcp", headers=origin | asked).status_code == 200
        created = [
            api.post("/tasks", json={"title": "x"}, headers=origin | {"Idempotency-Key": "page-1"})
            for _ in range(2)
        ]
        neighbourhood.postgres.run(rename.format("title", "name"), database="workers")
        try:
            crashed = api.get("/tasks", headers=origin)
        finally:
            neighbourhood.postgres.run(rename.format("name", "title"), database="workers")
    assert "Idempotency-Replayed" in created[1].headers["Access-Control-Expose-Headers"]
    assert created[1].headers["Idempotency-Replayed"] == "true"
    assert crashed.status_code == 500
    assert crashed.headers["Access-Control-Allow-Origin"] == WEB_ORIGIN


def test_metrics_count_the_requests_of_all_workers(workers: App, ada: Account) -> None:
    def count() -> float:
        with workers.client() as client:  # a new connection, so that any worker may answer
            lines = client.get("/metrics").raise_for_status().text.splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith("http_requests_total") and 'route="/api/{user_id}/tasks"' in line
        )

    before = count()
    for _ in range(30):
        with workers.api(ada) as api:
            assert api.get("/tasks").status_code == 200
    deadline = time.monotonic() + 10
    while count() - before < 30:  # requests are counted after their answer has been sent
        assert time.monotonic() < deadline
    assert {count() - before for _ in range(6)} == {30}


def test_metrics_are_not_there_for_requests_through_a_proxy(workers: App) -> None:
    with workers.client() as client:
        assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_a_worker_that_dies_is_replaced_without_a_lost_write(workers: App, ada: Account) -> None:
    before = workers.workers()
    acknowledged = []
    for number in range(60):
        if number == 10:
            faults.kill_worker(workers)
        try:
            with workers.api(ada) as api:
                answer = api.post("/tasks", json={"title": f"write {number}"})
        except httpx2.HTTPError:
            continue  # it was on its way to the dead worker
        assert answer.status_code == 201
        acknowledged.append(answer.json()["id"])
    with workers.api(ada) as api:
        stored = {task["id"] for task in api.get("/tasks", params={"limit": 200}).json()}
    assert set(acknowledged) <= stored
    assert len(acknowledged) > 40
    deadline = time.monotonic() + 10
    while len(found := workers.workers()) < 2 or found == before:
        assert time.monotonic() < deadline, "the dead worker was not replaced"
        time.sleep(0.1)


@contextmanager
def _collector(address: str, port: int) -> Iterator[list[str]]:
    """Run an OpenTelemetry collector's HTTP side; yield the paths that receive a POST."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay silent."""

    server = ThreadingHTTPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_traces_are_exported_when_opentelemetrys_variables_are_set(
    neighbourhood: Systems, ada: Account
) -> None:
    port = process.free_port([neighbourhood.gateway])
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("telemetry"))
    environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{AUTH_HOST}:{port}",
        "OTEL_SERVICE_NAME": "todo",
    }
    with _collector(neighbourhood.gateway, port) as paths, neighbourhood.app(environment) as app:
        with app.api(ada) as api:
            api.get("/tasks").raise_for_status()
        app.running.stop()  # stopping flushes the pending traces
    assert "/v1/traces" in paths


def test_the_documentation_page_loads_nothing_from_elsewhere(app: App) -> None:
    with app.client() as client:
        page = client.get("/docs").raise_for_status()
        assets = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
        assert assets
        for asset in assets:
            assert not re.match(r"(https?:)?//", asset), asset
            if not asset.startswith("data:"):
                assert client.get(asset).status_code == 200, asset
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_every_line_of_the_log_is_json_and_requests_carry_their_ids(app: App, ada: Account) -> None:
    with app.api(ada) as api:
        answer = api.get("/tasks", headers={"X-Request-ID": "trace-me-please"})
        assert answer.headers["X-Request-ID"] == "trace-me-please"
        unnamed = api.get("/tasks").headers["X-Request-ID"]
        hostile = api.get("/tasks", headers={"X-Request-ID": 'x" level="FATAL'}).headers["X-Request-ID"]
    time.sleep(0.2)
    entries = [json.loads(line) for line in app.log().splitlines()]
    ids = [entry["request_id"] for entry in entries if entry["message"] == "request"]
    assert {"trace-me-please", unnamed, hostile} <= set(ids)
    assert '"' not in hostile
    assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in entries)


def test_no_path_forges_a_line_of_a_text_log(neighbourhood: Systems) -> None:
    with neighbourhood.app({"LOG_FORMAT": "text"}, hosts={}) as app, app.client() as client:
        client.get("/x%0A12:00:00%20INFO%20%20%20%20todo_api%20%20forged%1B%5B2K%C2%85%E2%80%A8forged")
        app.running.stop()
        lines = [line for line in app.log().splitlines() if "forged" in line]
    assert len(lines) == 1
    assert "todo_api.requests" in lines[0]
    assert lines[0].isprintable()


def test_a_key_used_many_times_at_once_creates_one_task(app: App, ada: Account) -> None:
    with app.api(ada) as api, ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda _: api.post(
                    "/tasks", json={"title": "Drop anchor"}, headers={"Idempotency-Key": "anchor-1"}
                ),
                range(24),
            )
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        assert len(api.get("/tasks").json()) == 1


def test_pages_neither_skip_nor_repeat_while_tasks_come_and_go(app: App, ada: Account) -> None:
    with app.api(ada) as api, ThreadPoolExecutor(8) as pool:
        made = [
            answer.json()["id"]
            for answer in pool.map(lambda n: api.post("/tasks", json={"title": f"task {n:03}"}), range(45))
        ]
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get("/tasks", params={"limit": "10", **cursor})
            seen += [task["id"] for task in page.json()]
            if "X-Next-Cursor" not in page.headers:
                break
            cursor = {"cursor": page.headers["X-Next-Cursor"]}
            api.post("/tasks", json={"title": "a newcomer"})
            api.delete(f"/tasks/{seen[0]}")
        assert sorted(seen) == sorted(made)


def test_toggles_at_the_same_time_are_all_counted(app: App, ada: Account) -> None:
    with app.api(ada) as api, ThreadPoolExecutor(8) as pool:
        number = api.post("/tasks", json={"title": "Tack"}).json()["id"]
        statuses = list(pool.map(lambda _: api.patch(f"/tasks/{number}/complete").status_code, range(21)))
        assert set(statuses) == {200}
        assert api.get(f"/tasks/{number}").json()["completed"] is True


def test_no_secret_stands_in_a_log(app: App, neighbourhood: Systems, ada: Account) -> None:
    with app.api(ada) as api:
        api.get("/tasks").raise_for_status()
        # A user may still put a token where none belongs.
        api.get("/tasks", params={"search": ada.token})
        api.get("/tasks", headers={"X-Request-ID": ada.token})
        api.get(f"/{ada.token}")
    time.sleep(0.2)
    assert ada.user.id in app.log()  # proves that the search reads the right text
    assert ada.token in neighbourhood.ledger.secrets
    assert neighbourhood.ledger.told(app.log()) == []
    assert neighbourhood.ledger.told(f"got {ada.token}") != []
