"""Turns that fail, die or come too late: changes are made once and told, replies are stored once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import bearer
from tests.fakes import Call, Fail, Hang, Model, Say
from tests.test_chat import CHAT, events, kind, stored
from todo_api.chat import service
from todo_api.db.engine import Database, Unavailable
from todo_api.main import create_app
from todo_api.settings import Settings

KEY = {"Idempotency-Key": "turn-1"}
REPLAYED = "Idempotency-Replayed"
ADDED = {
    "name": "add_task",
    "arguments": {"title": "Buy milk"},
    "result": {"task_id": 1, "status": "created", "title": "Buy milk"},
}


def titles(client: TestClient) -> list[str]:
    return [task["title"] for task in client.get("/api/ada/tasks").json()]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def execute(settings: Settings, statement: str) -> list[Any]:
    with closing(sqlite3.connect(settings.data_dir / "todo.db")) as database, database:
        return database.execute(statement).fetchall()


@pytest.fixture
def replica(chat_settings: Settings) -> Iterator[TestClient]:
    """Another replica on the same database, as ada."""
    with TestClient(create_app(chat_settings), raise_server_exceptions=False) as client:
        client.headers.update(bearer(chat_settings, "ada"))
        yield client


@contextmanager
def hanging(
    client: TestClient, settings: Settings, model: Model, *steps: Any, **body: object
) -> Iterator[Future[Any]]:
    """Send a chat whose model hangs after some steps, and end its lease as if its process had died."""
    hang = Hang()
    model.steps = [*model.requests, *steps, hang]  # one step for each request that was, then these
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(client.post, CHAT, json={"message": "Hi", **body}, headers=KEY)
        until(lambda: len(model.requests) == len(model.steps))
        execute(settings, "UPDATE conversations SET turn_expires_at = '2020-01-01' WHERE turn IS NOT NULL")
        model.steps = [*model.steps, Say(["Back"])]
        try:
            yield request
        finally:
            hang.release.set()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_failure_after_a_change_is_answered_again_and_nothing_is_done_twice(
    chat_client: TestClient, model: Model, streamed: bool
) -> None:
    model.steps = [Call([("add_task", {"title": "Buy milk"})]), Fail(500)]
    first = chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY)
    assert (first.status_code, kind(first)) == (502, "model-failed")
    assert first.json()["tool_calls"] == [ADDED]
    assert first.json()["conversation_id"] == 1
    assert REPLAYED not in first.headers
    for _ in range(2):
        if streamed:
            again = chat_client.post(f"{CHAT}/stream", json={"message": "Hi"}, headers=KEY)
            ((name, body),) = events(iter(again.text.splitlines()))
            assert (again.status_code, name) == (200, "error")
        else:
            again = chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY)
            assert again.status_code == 502
            body = again.json()
        assert again.headers[REPLAYED] == "true"
        varying = {"request_id", "instance"}
        assert {k: v for k, v in body.items() if k not in varying} == {
            k: v for k, v in first.json().items() if k not in varying
        }
    assert titles(chat_client) == ["Buy milk"]
    assert len(model.requests) == 2


def test_failure_without_a_key_tells_its_changes_too(chat_client: TestClient, model: Model) -> None:
    model.steps = [Call([("list_tasks", {}), ("add_task", {"title": "Buy milk"})]), Fail(500)]
    assert chat_client.post(CHAT, json={"message": "Hi"}).json()["tool_calls"] == [ADDED]
    # The next turn begins with none.
    body = {"message": "Hi", "conversation_id": 1}
    assert "tool_calls" not in chat_client.post(CHAT, json=body).json()


def test_replay_of_an_answer_says_so(chat_client: TestClient) -> None:
    first, again = (chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY) for _ in range(2))
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    stream = chat_client.post(f"{CHAT}/stream", json={"message": "Hi"}, headers=KEY)
    assert stream.headers[REPLAYED] == "true"


def test_key_of_a_process_that_died_after_a_change_answers_with_the_change(
    chat_client: TestClient, replica: TestClient, chat_settings: Settings, model: Model
) -> None:
    added = Call([("add_task", {"title": "Buy milk"})])
    with hanging(chat_client, chat_settings, model, added) as late:
        for _ in range(2):
            answer = replica.post(CHAT, json={"message": "Hi"}, headers=KEY)
            assert (answer.status_code, kind(answer)) == (500, "turn-interrupted")
            assert answer.json()["tool_calls"] == [ADDED]
    # The process only seemed dead: what it says now comes too late.
    assert late.result().status_code in (500, 502)
    assert titles(replica) == ["Buy milk"]
    assert stored(chat_settings) == [("user", "Hi")]
    assert replica.post(CHAT, json={"message": "Hi"}, headers=KEY).headers[REPLAYED] == "true"


def test_key_of_a_process_that_died_before_any_change_is_free(
    chat_client: TestClient, replica: TestClient, chat_settings: Settings, model: Model
) -> None:
    with hanging(chat_client, chat_settings, model) as late:
        answer = replica.post(CHAT, json={"message": "Hi"}, headers=KEY)
        assert (answer.status_code, answer.json()["response"]) == (200, "Back")
    assert late.result().status_code in (500, 502)
    again = replica.post(CHAT, json={"message": "Hi"}, headers=KEY)
    assert (again.json(), again.headers[REPLAYED]) == (answer.json(), "true")


def test_next_message_in_a_lost_turns_conversation_keeps_the_lost_turns_changes(
    chat_client: TestClient, replica: TestClient, chat_settings: Settings, model: Model
) -> None:
    number = chat_client.post(CHAT, json={"message": "first"}).json()["conversation_id"]
    added = Call([("add_task", {"title": "Buy milk"})])
    with hanging(chat_client, chat_settings, model, added, conversation_id=number) as late:
        after = replica.post(CHAT, json={"message": "next", "conversation_id": number})
        assert after.json()["response"] == "Back"
    assert late.result().status_code in (500, 502)
    answer = replica.post(CHAT, json={"message": "Hi", "conversation_id": number}, headers=KEY)
    assert kind(answer) == "turn-interrupted"
    assert answer.json()["tool_calls"] == [ADDED]
    assert [content for _, content in stored(chat_settings)] == ["first", "Hello", "Hi", "next", "Back"]


def test_tool_of_a_turn_that_lost_its_conversation_changes_nothing(
    chat_client: TestClient, chat_settings: Settings, model: Model
) -> None:
    def lose(_: int) -> None:
        execute(chat_settings, "UPDATE conversations SET turn = 'another'")

    class Losing(Call):
        @property
        def calls(self) -> Any:
            lose(0)
            return [("add_task", {"title": "Too late"})]

        @calls.setter
        def calls(self, _: Any) -> None: ...

    model.steps = [Losing([]), Say(["Done"])]
    answer = chat_client.post(CHAT, json={"message": "Hi"})
    assert (answer.status_code, kind(answer)) == (500, "turn-interrupted")
    assert titles(chat_client) == []
    assert stored(chat_settings) == [("user", "Hi")]


def test_running_turn_renews_its_lease_on_the_databases_clock(
    chat_client: TestClient, chat_settings: Settings, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RENEWAL_SECONDS", 0.05)
    hang = Hang()
    model.steps = [hang]

    def lease() -> str:
        return str(execute(chat_settings, "SELECT turn_expires_at FROM conversations")[0][0])

    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(chat_client.post, CHAT, json={"message": "Hi"})
        until(lambda: bool(model.requests))
        execute(chat_settings, "UPDATE conversations SET turn_expires_at = '2020-01-01 00:00:00'")
        until(lambda: lease() > "2021")
        # Another turn has the conversation: this one ends before the model answers.
        execute(chat_settings, "UPDATE conversations SET turn = 'another'")
        assert kind(request.result()) == "turn-interrupted"
        assert not hang.release.is_set()
        hang.release.set()


def test_reply_whose_acknowledgement_is_lost_is_stored_once(
    chat_client: TestClient, chat_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STORE_RETRY_SECONDS", 0)
    writing = Database.writing
    lost: list[str] = []

    @asynccontextmanager
    async def acknowledged_late(self: Database) -> AsyncIterator[Any]:
        async with writing(self) as connection:
            before = len(stored(chat_settings))
            yield connection
        if before == 1 and not lost:  # the message is there, the reply has just been committed
            lost.append("once")
            raise Unavailable

    monkeypatch.setattr(Database, "writing", acknowledged_late)
    answer = chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY)
    assert (lost, answer.status_code) == (["once"], 200)
    assert stored(chat_settings) == [("user", "Hi"), ("assistant", "Hello")]
