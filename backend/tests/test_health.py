"""Probes: the reported state of the process and of its dependencies."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from tests.fakes import Model
from tests.test_mcp import call
from todo_api.chat.stack import AgentStack
from todo_api.db.engine import Database
from todo_api.db.migrate import HEAD, REVISIONS, is_current
from todo_api.main import create_app
from todo_api.mcp_server.endpoint import McpEndpoint
from todo_api.settings import Settings


def wait_for(client: TestClient, check: str, state: str) -> None:
    """Wait until readiness shows one check's expected state."""
    deadline = time.monotonic() + 30
    while client.get("/readyz").json()["checks"][check] != state:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_service_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "alive", "checks": {}}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["checks"]["database"] == "ok"


def test_health_answers_as_readiness_does(client: TestClient) -> None:
    wait_for(client, "mcp", "ready")
    assert client.get("/health").json() == client.get("/readyz").json()


def test_mcp_starts_with_the_service_and_readiness_shows_it(client: TestClient) -> None:
    wait_for(client, "mcp", "ready")
    assert client.get("/readyz").json() == {
        "status": "ready",
        "checks": {"database": "ok", "mcp": "ready", "agent": "off"},
    }


def test_failed_mcp_makes_the_service_unready(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object) -> None:
        raise ImportError("broken")

    monkeypatch.setattr("todo_api.mcp_server.endpoint.McpEndpoint._load", fail)
    with TestClient(app) as client:
        wait_for(client, "mcp", "failed")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("error", [ImportError("broken"), SystemError("out of memory")])
def test_agent_that_cannot_be_loaded_is_logged_and_shown_and_takes_nothing_with_it(
    capfd: pytest.CaptureFixture[str],
    chat_client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr("todo_api.chat.stack.AgentStack._load", fail)
        assert chat_client.get("/api/ada/tasks").status_code == 200
        wait_for(chat_client, "agent", "failed")
        answer = chat_client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["mcp"]) == (200, "ready")
        assert call(chat_client, {}, "list_tasks") == []
    assert str(error) in capfd.readouterr().err
    assert chat_client.post("/api/ada/chat", json={"message": "Hi"}).status_code == 200
    wait_for(chat_client, "agent", "ready")


def test_the_agent_is_not_imported_beside_its_tools(
    monkeypatch: pytest.MonkeyPatch, make_settings: MakeSettings
) -> None:
    order: list[str] = []

    class Tools:
        async def ready(self) -> None:
            await asyncio.sleep(0)
            order.append("tools")

    def load(_self: object, _key: object) -> object:
        order.append("agent")
        return object()

    monkeypatch.setattr(AgentStack, "_load", load)
    stack = AgentStack(make_settings(openai_api_key="sk-test-0123456789"), cast(McpEndpoint, Tools()))
    asyncio.run(stack.get())

    assert order == ["tools", "agent"]


@pytest.mark.parametrize("preload", [None, True])
def test_agent_is_loaded_after_the_first_signed_in_request_or_at_once(
    make_settings: MakeSettings, model: Model, preload: bool | None
) -> None:
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, chat_preload=preload
    )
    with TestClient(create_app(settings)) as client:
        wait_for(client, "mcp", "ready")
        if preload is None:
            # Neither probes, nor strangers, nor users at another's path.
            assert client.get("/api/ada/tasks").status_code == 401
            assert client.get("/api/ada/tasks", headers=bearer(settings, "grace")).status_code == 403
            time.sleep(0.2)
            assert client.get("/readyz").json()["checks"]["agent"] == "on-demand"
            assert client.get("/api/ada/tasks", headers=bearer(settings, "ada")).status_code == 200
        wait_for(client, "agent", "ready")


def test_without_preload_the_first_chat_loads_the_agent(make_settings: MakeSettings, model: Model) -> None:
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, chat_preload=False
    )
    app = create_app(settings)
    with TestClient(app) as client:
        wait_for(client, "mcp", "ready")
        client.portal.call(app.state.agents.preload)  # type: ignore[union-attr]
        wait_for(client, "agent", "on-demand")
        headers = bearer(settings, "ada")
        assert client.post("/api/ada/chat", json={"message": "Hi"}, headers=headers).status_code == 200
        wait_for(client, "agent", "ready")


@pytest.mark.parametrize("when", ["at its start", "later"])
def test_mcp_server_that_ends_by_itself_is_logged_and_makes_the_service_unready(
    capfd: pytest.CaptureFixture[str], app: FastAPI, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    end = asyncio.Event()

    @asynccontextmanager
    async def run(_manager: object) -> AsyncIterator[None]:
        if when == "at its start":
            raise RuntimeError("aground")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sink())
                yield
        except* RuntimeError as group_error:
            raise group_error.exceptions[0] from None

    async def sink() -> None:
        await end.wait()
        raise RuntimeError("aground")

    monkeypatch.setattr("mcp.server.streamable_http_manager.StreamableHTTPSessionManager.run", run)
    with TestClient(app) as client:
        if when == "later":
            wait_for(client, "mcp", "ready")
            client.portal.call(end.set)  # type: ignore[union-attr]
        wait_for(client, "mcp", "failed")
        assert client.get("/readyz").status_code == 503
    assert "aground" in capfd.readouterr().err


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


def test_readiness_has_a_connection_of_its_own(settings: Settings) -> None:
    async def scenario() -> str | None:
        database = Database(settings)
        async with AsyncExitStack() as waiting:
            for _ in range(10):  # all connections for requests
                await waiting.enter_async_context(database._engine.connect())
            found = await database.revision()
        await database.close()
        return found

    assert asyncio.run(scenario()) == HEAD


def test_readiness_needs_no_import_of_mcp_or_the_agent(tmp_path: Path) -> None:
    code = """
import sys, asyncio
from todo_api.main import create_app
from todo_api.mcp_server.endpoint import McpEndpoint
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
