"""Probes: what the process says about itself and about what it needs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.conftest import MakeSettings
from todo_api.db.migrate import HEAD, REVISIONS, is_current
from todo_api.main import create_app
from todo_api.settings import Settings


def wait_for_mcp(client: TestClient, state: str = "ready") -> None:
    """Wait until readiness shows a state of MCP."""
    deadline = time.monotonic() + 30
    while client.get("/readyz").json()["checks"]["mcp"] != state:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_service_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "alive", "checks": {}}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["checks"]["database"] == "ok"


def test_health_answers_as_readiness_does(client: TestClient) -> None:
    wait_for_mcp(client)
    assert client.get("/health").json() == client.get("/readyz").json()


def test_mcp_starts_with_the_service_and_readiness_shows_it(client: TestClient) -> None:
    wait_for_mcp(client)
    assert client.get("/readyz").json() == {"status": "ready", "checks": {"database": "ok", "mcp": "ready"}}


def test_failed_mcp_makes_the_service_unready(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object) -> None:
        raise ImportError("broken")

    monkeypatch.setattr("todo_api.mcp_server.endpoint.McpEndpoint._load", fail)
    with TestClient(app) as client:
        wait_for_mcp(client, "failed")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert client.get("/livez").status_code == 200


def test_draining_service_is_unready_but_serves(app: FastAPI, ada: dict[str, str]) -> None:
    with TestClient(app) as client:
        app.state.lifecycle.draining = True
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "draining")
        assert client.get("/api/ada/tasks", headers=ada).status_code == 200


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM alembic_version", "DROP TABLE alembic_version"],
    ids=["no revision", "no table"],
)
def test_database_without_the_schema_makes_the_service_unready(
    client: TestClient, settings: Settings, statement: str
) -> None:
    with closing(sqlite3.connect(settings.data_dir / "todo.db")) as database, database:
        database.execute(statement)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "schema is not migrated"


def test_schema_of_a_newer_version_is_good_enough() -> None:
    assert is_current(HEAD)
    assert is_current("a revision of the future")
    assert not is_current(None)
    older: tuple[str, ...] = REVISIONS[:-1]
    assert not any(is_current(revision) for revision in older)


def test_unreachable_database_is_said_quickly(make_settings: MakeSettings) -> None:
    settings = make_settings(database_url="postgresql://u:p@127.0.0.1:1/d", ready_timeout=1)
    with TestClient(create_app(settings)) as client:
        started = time.monotonic()
        answer = client.get("/readyz")
        assert time.monotonic() - started < 2
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"] == "unreachable"
        assert int(answer.headers["Retry-After"]) >= 1


def test_readiness_needs_no_import_of_mcp_or_the_agent(tmp_path: Path) -> None:
    code = """
import sys, asyncio
from todo_api.main import create_app
from todo_api.settings import Settings
app = create_app(Settings(data_dir=sys.argv[1], openai_api_key="sk-test"))
heavy = ("mcp", "agents", "openai", "httpx2", "alembic")
print(sorted(set(heavy) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
