"""Known defects of such services: each has a test that fails when it is reintroduced."""

from __future__ import annotations

import ast
import asyncio
import importlib.metadata
import json
import re
import sqlite3
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from packaging.requirements import Requirement
from sqlalchemy import create_engine
from starlette.testclient import TestClient

import todo_api
from tests.conftest import MakeSettings, bearer, running
from tests.fakes import Issuer, Model, Say
from tests.test_mcp import call
from todo_api import startup
from todo_api.db import conversations
from todo_api.db.engine import Database
from todo_api.db.tables import metadata
from todo_api.main import create_app
from todo_api.settings import Settings

PACKAGE = Path(todo_api.__file__).parent
ROOT = PACKAGE.parent


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Yield every module of the application as a syntax tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text())


def test_no_token_passes_with_a_bad_signature_audience_or_expiry(
    make_settings: MakeSettings, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")  # fourteen hours ahead: naive local time would show
    time.tzset()
    now = int(time.time())
    settings = make_settings(better_auth_url=issuer.url, better_auth_jwks_url=issuer.jwks_url)
    try:
        with TestClient(create_app(settings)) as client:

            def status(token: str) -> int:
                return client.get("/api/ada/tasks", headers={"Authorization": f"Bearer {token}"}).status_code

            good = issuer.token()
            assert status(good) == 200
            flipped = "A" if good[-10] != "A" else "B"
            assert status(good[:-10] + flipped + good[-9:]) == 401
            assert status(issuer.token(aud="https://other.example.com")) == 401
            assert status(issuer.token(exp=now - 3600)) == 401
            assert status(issuer.token(exp=now + 3600)) == 200
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_user_in_the_path_must_be_the_tokens_on_every_operation(
    client: TestClient, ada: dict[str, str]
) -> None:
    document = client.get("/openapi.json").json()
    protected = [
        (method, path) for path, item in document["paths"].items() for method in item if "{user_id}" in path
    ]
    assert len(protected) == 15
    for method, path in protected:
        url = path.format(user_id="bob", task_id=1, conversation_id=1)
        described = document["paths"][path][method].get("requestBody")
        name = described and described["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body = name and document["components"]["schemas"][name]["examples"][0]
        assert client.request(method, url, json=body).status_code == 401, (method, path)
        assert client.request(method, url, json=body, headers=ada).status_code == 403, (method, path)


def test_mcp_is_on_the_same_port_behind_the_same_token(
    client: TestClient, ada: dict[str, str], bob: dict[str, str]
) -> None:
    assert client.post("/mcp", json={}).status_code == 401
    number = call(client, ada, "add_task", title="Ada's", user_id="bob")["task_id"]
    assert [task["id"] for task in call(client, ada, "list_tasks")] == [number]
    assert call(client, bob, "list_tasks", user_id="ada") == []


def test_waiting_for_the_database_holds_up_no_other_request(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ada = bearer(settings, "ada")
    with (
        running(create_app(settings)) as url,
        httpx2.Client(base_url=url, headers=ada, timeout=20) as client,
        closing(sqlite3.connect(settings.data_dir / "todo.db")) as other,
    ):
        client.get("/livez")
        other.execute("BEGIN IMMEDIATE")
        answers: list[int] = []
        writer = threading.Thread(
            target=lambda: answers.append(
                httpx2.post(f"{url}/api/ada/tasks", json={"title": "x"}, headers=ada, timeout=20).status_code
            )
        )
        writer.start()
        time.sleep(0.3)
        started = time.monotonic()
        for _ in range(5):
            assert client.get("/livez").status_code == 200
        assert time.monotonic() - started < 1
        assert not answers
        other.rollback()
        writer.join(20)
        assert answers == [201]


def test_history_is_the_newest_messages_in_the_order_said(settings: Settings) -> None:
    async def scenario() -> list[str]:
        database = Database(settings)
        try:
            async with database.transaction() as connection:
                number = None
                for spoken in range(0, 10, 2):
                    turn = await conversations.begin_turn(
                        connection, "ada", number, f"message {spoken}",
                        token=f"turn {spoken}", history=4, lease=timedelta(seconds=30),
                    )  # fmt: skip
                    number = turn.conversation_id
                    await conversations.end_turn(connection, "ada", turn, f"message {spoken + 1}")
                found = await conversations.newest_messages(connection, turn.conversation_id, 4)
            return [message.content for message in found]
        finally:
            await database.close()

    assert asyncio.run(scenario()) == ["message 6", "message 7", "message 8", "message 9"]


CREDENTIALS = re.compile(
    r"\bsk-(?!test|hunter2|from-file|opaque)[A-Za-z0-9_-]{16,}"  # OpenAI
    r"|\bnpg_[A-Za-z0-9]{8,}"  # Neon
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def test_no_file_holds_a_live_looking_credential() -> None:
    assert CREDENTIALS.search("OPENAI_API_KEY=sk-proj-" + "a1" * 12)
    assert CREDENTIALS.search("postgresql://u:npg_" + "a1" * 6 + "@h/d")
    for path in (*PACKAGE.rglob("*"), *Path(__file__).parent.rglob("*"), *ROOT.glob("*.*")):
        if path.is_file() and path.suffix in (".py", ".toml", ".md", ".example", ".js", ".mako", ".txt"):
            found = CREDENTIALS.search(path.read_text())
            assert found is None, f"{path}: {found and found[0][:8]}…"
    assert not list(ROOT.glob(".env"))


def test_wildcard_origin_never_goes_with_credentials(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for environment in ("development", "production"):
        monkeypatch.setenv("ENVIRONMENT", environment)
        monkeypatch.setenv("CORS_ORIGINS", "*")
        monkeypatch.setenv("CORS_CREDENTIALS", "true")
        assert any(line.startswith("CORS_ORIGINS: ") for line in startup.check())
    with pytest.raises(startup.WrongSettings, match="CORS_ORIGINS"):
        create_app(make_settings(environment="development", cors_origins="*", cors_credentials=True))
    with TestClient(
        create_app(make_settings(environment="development", cors_origins="*", cors_credentials=False))
    ) as client:
        answer = client.get("/livez", headers={"Origin": "https://evil.example.com"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_schema_comes_from_migrations_and_times_know_their_zone(
    migrated_file: Path, client: TestClient, ada: dict[str, str]
) -> None:
    engine = create_engine(f"sqlite:///{migrated_file}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    for path, tree in sources():
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"create_all", "utcnow", "utcfromtimestamp"}, path
    created = client.post("/api/ada/tasks", json={"title": "x"}, headers=ada).json()["created_at"]
    assert created.endswith("Z")


def test_health_is_503_while_the_database_is_down(make_settings: MakeSettings) -> None:
    settings = make_settings(database_url="postgresql://u:p@127.0.0.1:1/d")
    with TestClient(create_app(settings)) as client:
        assert [client.get(path).status_code for path in ("/health", "/readyz", "/livez")] == [503, 503, 200]


def test_stream_passes_each_piece_on_before_the_model_has_ended(
    chat_settings: Settings, model: Model
) -> None:
    received = threading.Event()
    seen_in_time: list[bool] = []
    model.steps = [
        Say(["One", "two"], before_piece=lambda index: seen_in_time.append(not index or received.wait(5)))
    ]
    with (
        running(create_app(chat_settings)) as url,
        httpx2.stream(
            "POST", f"{url}/api/ada/chat/stream", json={"message": "Count"},
            headers=bearer(chat_settings, "ada"), timeout=20,
        ) as answer,
    ):  # fmt: skip
        pieces = []
        for line in answer.iter_lines():
            if line.startswith("data: ") and "text" in (data := json.loads(line.removeprefix("data: "))):
                pieces.append(data["text"])
                received.set()
    assert pieces == ["One", "two"]
    assert seen_in_time == [True, True]


def test_no_module_shadows_an_sdk() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")} | {p.name for p in PACKAGE.rglob("*") if p.is_dir()}
    top = {path.stem for path in ROOT.iterdir()}
    distributions = {name.split("-")[0] for name in ("mcp", "agents", "openai", "fastapi", "jwt", "alembic")}
    assert not names & distributions
    assert not top & distributions
    for distribution in ("mcp", "openai-agents"):
        located = importlib.metadata.distribution(distribution).locate_file("")
        assert not str(located).startswith(str(PACKAGE))


TEST_TOOLS = {
    "pytest",
    "pytest-asyncio",
    "coverage",
    "hypothesis",
    "mypy",
    "ruff",
    "schemathesis",
    "pip",
    "setuptools",
}


def test_production_dependencies_hold_no_test_tool() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = list(project["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = requirement.name.lower().replace("_", "-")
        if (name, str(requirement.extras)) in seen:
            continue
        seen.add((name, str(requirement.extras)))
        found.add(name)
        waiting += [
            text
            for text in importlib.metadata.requires(name) or []
            if (marker := Requirement(text).marker) is None
            or any(marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras))
        ]
    assert {"fastapi", "sqlalchemy", "mcp", "greenlet"} <= found
    assert not found & TEST_TOOLS
