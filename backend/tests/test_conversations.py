"""Conversations from the view of their users, and of the model in a later turn."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from tests.fakes import Call, Fail, Model, Say
from todo_api import main
from todo_api.db import idempotency
from todo_api.db.engine import Database, Unavailable
from todo_api.main import create_app
from todo_api.settings import Settings

CHAT = "/api/ada/chat"
CONVERSATIONS = "/api/ada/conversations"
ADD = Call([("add_task", {"title": "Buy milk"})])


def say(client: TestClient, message: str, conversation: int | None = None, **headers: str) -> Any:
    body = {"message": message, "conversation_id": conversation}
    return client.post(CHAT, json=body, headers=headers).json()


def test_conversation_is_read_with_its_messages_and_tool_calls(chat_client: TestClient, model: Model) -> None:
    model.steps = [ADD, Say(["Done"]), Say(["You are welcome"])]
    first = say(chat_client, "Remind me\nto buy milk")
    number = first["conversation_id"]
    say(chat_client, "Thanks", number)
    found = chat_client.get(f"{CONVERSATIONS}/{number}").json()
    assert found["title"] == "Remind me to buy milk"
    said = [(message["role"], message["content"], message["tool_calls"]) for message in found["messages"]]
    assert said == [
        ("user", "Remind me\nto buy milk", []),
        ("assistant", "Done", first["tool_calls"]),
        ("user", "Thanks", []),
        ("assistant", "You are welcome", []),
    ]
    assert first["tool_calls"][0]["result"]["status"] == "created"


def test_messages_come_in_pages_from_the_newest(chat_client: TestClient) -> None:
    number = say(chat_client, "0")["conversation_id"]
    for text in "123":
        say(chat_client, text, number)
    url: str | None = f"{CONVERSATIONS}/{number}?limit=3"
    pages = []
    while url is not None:
        answer = chat_client.get(url)
        pages.append([message["content"] for message in answer.json()["messages"]])
        url = answer.headers["Link"].partition("<")[2].partition(">")[0] if "Link" in answer.headers else None
    assert pages == [["Hello", "3", "Hello"], ["1", "Hello", "2"], ["0", "Hello"]]


def test_list_shows_the_last_used_first_in_pages(chat_client: TestClient) -> None:
    numbers = [say(chat_client, f"talk {index}")["conversation_id"] for index in range(5)]
    say(chat_client, "again", numbers[0])
    expected = [numbers[0], *numbers[:0:-1]]
    seen: list[int] = []
    url: str | None = f"{CONVERSATIONS}?limit=2&count=true"
    while url is not None:
        answer = chat_client.get(url)
        assert answer.headers["X-Total-Count"] == "5"
        seen += [one["id"] for one in answer.json()]
        url = answer.headers["Link"].partition("<")[2].partition(">")[0] if "Link" in answer.headers else None
    assert seen == expected


def test_cursor_of_another_list_is_422(chat_client: TestClient) -> None:
    for _ in range(2):
        chat_client.post("/api/ada/tasks", json={"title": "x"})
    cursor = chat_client.get("/api/ada/tasks", params={"limit": 1}).headers["X-Next-Cursor"]
    assert chat_client.get(CONVERSATIONS, params={"cursor": cursor}).status_code == 422


def test_conversation_is_renamed(chat_client: TestClient) -> None:
    path = f"{CONVERSATIONS}/{say(chat_client, 'Hi')['conversation_id']}"
    assert chat_client.patch(path, json={"title": "Groceries"}).json()["title"] == "Groceries"
    assert chat_client.get(path).json()["title"] == "Groceries"
    assert chat_client.patch(path, json={"title": " "}).status_code == 422


def test_deleted_conversation_is_gone_with_its_kept_answers(chat_client: TestClient, model: Model) -> None:
    key = {"Idempotency-Key": "k-1"}
    number = say(chat_client, "Hi", **key)["conversation_id"]
    path = f"{CONVERSATIONS}/{number}"
    assert chat_client.delete(path).status_code == 204
    for method in ("GET", "DELETE"):
        assert chat_client.request(method, path).status_code == 404
    assert chat_client.post(CHAT, json={"message": "Hi", "conversation_id": number}).status_code == 404
    asked = len(model.requests)
    assert say(chat_client, "Hi", **key)["conversation_id"] != number
    assert len(model.requests) == asked + 1


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_conversation_of_another_user_does_not_exist(
    chat_client: TestClient, chat_settings: Settings, method: str
) -> None:
    number = say(chat_client, "Hi")["conversation_id"]
    answer = chat_client.request(
        method,
        f"/api/bob/conversations/{number}",
        json={"title": "Mine"} if method == "PATCH" else None,
        headers=bearer(chat_settings, "bob"),
    )
    assert answer.status_code == 404
    assert len(chat_client.get(CONVERSATIONS).json()) == 1


def test_all_data_of_a_user_is_deleted_and_nothing_else(
    chat_client: TestClient, chat_settings: Settings
) -> None:
    bob = bearer(chat_settings, "bob")
    key = {"Idempotency-Key": "k-1"}
    chat_client.post("/api/bob/tasks", json={"title": "Bob's"}, headers=bob)
    first = chat_client.post("/api/ada/tasks", json={"title": "Ada's"}, headers=key).json()
    say(chat_client, "Hi")
    assert chat_client.delete("/api/ada").status_code == 204
    assert chat_client.get("/api/ada/tasks").json() == chat_client.get(CONVERSATIONS).json() == []
    assert len(chat_client.get("/api/bob/tasks", headers=bob).json()) == 1
    assert (
        chat_client.post("/api/ada/tasks", json={"title": "Ada's"}, headers=key).json()["id"] != first["id"]
    )


def test_model_sees_the_tool_calls_of_earlier_turns(chat_client: TestClient, model: Model) -> None:
    model.steps = [ADD, Say(["Done"]), Say(["It is 1"])]
    number = say(chat_client, "Buy milk")["conversation_id"]
    say(chat_client, "What is its number?", number)
    seen = model.requests[-1]["messages"]
    (call,) = [call for message in seen for call in message.get("tool_calls") or ()]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == (
        "add_task", {"title": "Buy milk"},
    )  # fmt: skip
    (result,) = [message for message in seen if message["role"] == "tool"]
    assert result["tool_call_id"] == call["id"]
    assert json.loads(result["content"])["status"] == "created"
    assert [message["role"] for message in seen] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


def test_model_sees_the_changes_of_a_turn_that_failed(chat_client: TestClient, model: Model) -> None:
    model.steps = [Say(["Hello"]), ADD, Fail(400), Say(["It is there"])]
    number = say(chat_client, "Hi")["conversation_id"]
    chat_client.post(CHAT, json={"message": "Buy milk", "conversation_id": number})
    say(chat_client, "Is it on the list?", number)
    assert [m["role"] for m in model.requests[-1]["messages"]][-3:] == ["assistant", "tool", "user"]


def test_invalid_message_does_not_count_against_the_limit(make_settings: MakeSettings, model: Model) -> None:
    settings = make_settings(
        openai_api_key="sk-test-0123456789",
        openai_base_url=model.url,
        openai_max_retries=0,
        chat_rate_limit=2,
    )
    with TestClient(create_app(settings)) as client:
        client.headers.update(bearer(settings, "ada"))
        for body in ({"message": ""}, {}, {"message": 1}):
            assert client.post(CHAT, json=body).status_code == 422
        answers = [client.post(CHAT, json={"message": "Hi"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["RateLimit"].startswith('"chat";r=1')


def test_expired_keys_of_users_who_never_return_are_deleted_despite_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def claim_keys() -> None:
        database = Database(settings)
        async with database.transaction() as connection:
            for number, lifetime in enumerate((-1, -2, 60)):
                key = idempotency.Key.of(f"user {number}", "k", "add_task", {})
                await idempotency.claim(connection, key)
                await connection.exec_driver_sql(
                    "UPDATE idempotency_keys SET expires_at = datetime('now', ?) WHERE user_id = ?",
                    (f"{timedelta(minutes=lifetime).total_seconds():+.0f} seconds", key.user_id),
                )
        await database.close()

    asyncio.run(claim_keys())
    delete, failures = idempotency.delete_expired, iter([ValueError("once"), Unavailable("once")])

    async def fail_twice(connection: AsyncConnection) -> int:
        for failure in failures:
            raise failure
        return await delete(connection)

    monkeypatch.setattr(idempotency, "delete_expired", fail_twice)
    monkeypatch.setattr(main, "SWEEP_SECONDS", 0.05)
    left = "SELECT user_id FROM idempotency_keys"
    with TestClient(create_app(settings)), closing(sqlite3.connect(settings.data_dir / "todo.db")) as file:
        deadline = time.monotonic() + 20
        while len(users := file.execute(left).fetchall()) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert users == [("user 2",)]
    assert "expired idempotency keys cannot be deleted" in capsys.readouterr().err
