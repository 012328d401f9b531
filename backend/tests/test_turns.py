"""Turns that fail, die or come too late: changes are made once and reported, replies are stored once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from tests.fakes import Call, Fail, Hang, Model, Raw, Say, completion
from tests.test_chat import CHAT, events, kind, stored
from todo_api.chat import service
from todo_api.chat.text import storable
from todo_api.db import conversations
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
    deadline = time.monotonic() + 30
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
    model.steps = [*model.requests, *steps, hang]  # one step for each earlier request, then these
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(service, "RENEWAL_SECONDS", 3600)  # a dead process renews no lease
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
    # The next turn begins without any.
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
    # The process only seemed dead: its late answer is dropped.
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
    transaction = Database.transaction
    lost: list[str] = []

    @asynccontextmanager
    async def acknowledged_late(self: Database) -> AsyncIterator[Any]:
        async with transaction(self) as connection:
            before = len(stored(chat_settings))
            yield connection
        if before == 1 and not lost:  # the message is there, the reply has just been committed
            lost.append("once")
            raise Unavailable

    monkeypatch.setattr(Database, "transaction", acknowledged_late)
    answer = chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY)
    assert (lost, answer.status_code) == (["once"], 200)
    assert stored(chat_settings) == [("user", "Hi"), ("assistant", "Hello")]


# --- answers of a model -------------------------------------------------------------------------------------

LONE = "\ud83d"
PAIR = ("\ud83d", "\ude00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\0b", "ab"), (f"a{LONE}b", "a\ufffdb"), ("".join(PAIR), "\U0001f600"), ("grün", "grün"), ("", "")],
)
def test_any_text_becomes_storable(text: str, expected: str) -> None:
    assert storable(text) == expected
    assert storable(text).encode().decode() == expected


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_half_a_character_ends_no_conversation(
    chat_client: TestClient, chat_settings: Settings, model: Model, streamed: bool
) -> None:
    model.steps = [Call([("add_task", {"title": "x"})]), Say([f"a{LONE}", "b", *PAIR])]
    if streamed:
        text = chat_client.post(f"{CHAT}/stream", json={"message": "Hi"}, headers=KEY).text
        found = list(events(iter(text.splitlines())))
        assert found[-1][0] == "done"
        body = found[-1][1]
    else:
        body = chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY).json()
    assert body["response"] == "a\ufffdb\U0001f600"
    assert stored(chat_settings)[-1] == ("assistant", body["response"])
    assert body["tool_calls"][0]["name"] == "add_task"
    again = chat_client.post(CHAT, json={"message": "Hi"}, headers=KEY)
    assert (again.json(), again.headers[REPLAYED]) == (body, "true")
    assert chat_client.post(CHAT, json={"message": "On", "conversation_id": 1}).status_code == 200


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/stream"])
def test_half_a_character_in_arguments_is_reported_and_changes_nothing(
    chat_client: TestClient, chat_settings: Settings, model: Model, path: str
) -> None:
    model.steps = [Call([("add_task", json.dumps({"title": LONE}))])]
    assert ":model-failed" in chat_client.post(path, json={"message": "Hi"}).text
    assert titles(chat_client) == []
    model.steps = [Say(["Back"])]
    again = chat_client.post(CHAT, json={"message": "On", "conversation_id": 1})
    assert again.json()["response"] == "Back"


@pytest.mark.parametrize(
    "answer",
    [
        Raw(b"<html>Sign in</html>", "text/html"),
        Raw(b"", "text/html"),
        Raw(b""),
        Raw(json.dumps(completion({"content": "All at once"}, "stop")).encode()),
        Raw(b"", "text/event-stream"),
        Raw(b"data: [DONE]\n\n", "text/event-stream"),
        Raw(b"data: {not json, [DONE]\n\n", "text/event-stream"),
        Raw(b'data: {"choices": []}\n\ndata: [DONE]\n\n', "text/event-stream"),
    ],
    ids=["HTML", "empty HTML", "empty", "whole JSON", "empty stream", "only the end", "garbage", "no choice"],
)
def test_answer_that_is_no_stream_is_an_error_at_the_end_of_the_stream(
    chat_client: TestClient, chat_settings: Settings, model: Model, answer: Raw
) -> None:
    model.steps = [answer]
    found = list(events(iter(chat_client.post(f"{CHAT}/stream", json={"message": "Hi"}).text.splitlines())))
    assert [name for name, _ in found] == ["conversation", "error"]
    assert found[-1][1]["status"] == 502
    assert stored(chat_settings) == [("user", "Hi")]
    model.steps = [Say(["Back"])]
    again = chat_client.post(CHAT, json={"message": "On", "conversation_id": 1})
    assert again.json()["response"] == "Back"


@pytest.mark.parametrize(
    "answer",
    [
        Raw(b"<html>Sign in</html>", "text/html"),
        Raw(b""),
        Raw(b"{}"),
        Raw(b'{"choices": []}'),
        Say([""]),
        Say([" \n"]),
    ],
    ids=["HTML", "empty", "no members", "no choice", "empty text", "blank text"],
)
def test_answer_without_an_answer_is_a_failure(chat_client: TestClient, model: Model, answer: Any) -> None:
    model.steps = [answer]
    failed = chat_client.post(CHAT, json={"message": "Hi"})
    assert (failed.status_code, kind(failed)) == (502, "model-failed")


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/stream"])
@pytest.mark.parametrize("calls", [3, 2000])
def test_turn_makes_no_more_tool_calls_than_it_may(
    make_settings: MakeSettings, model: Model, path: str, calls: int
) -> None:
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, chat_max_tool_calls=4
    )
    one = ("add_task", {"title": "x"})
    model.steps = [Call([one] * 2), Call([one] * calls), Say(["Done"])]
    with TestClient(create_app(settings)) as client:
        client.headers.update(bearer(settings, "ada"))
        text = client.post(path, json={"message": "Hi"}).text
        assert titles(client) == ["x", "x"]  # from the answer within the limit
    problem = json.loads(text[text.rindex('{"type"') :] if path.endswith("stream") else text)
    assert problem["type"].endswith(":tool-call-limit")
    assert "4 tool calls" in problem["detail"]
    assert len(problem["tool_calls"]) == 2


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/stream"])
def test_answer_of_a_model_is_limited(make_settings: MakeSettings, model: Model, path: str) -> None:
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url,
        openai_max_answer_bytes=65_536, openai_max_retries=0,
    )  # fmt: skip
    delta = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    choice = {"index": 0, "delta": {"content": "x" * 1000}, "finish_reason": None}
    if path.endswith("stream"):
        chunk = f"data: {json.dumps(delta | {'choices': [choice]})}\n\n".encode()
        model.steps = [Raw(chunk, "text/event-stream", repeat=10_000)]
    else:
        model.steps = [Raw(b" " * 1000, repeat=10_000)]
    with TestClient(create_app(settings)) as client:
        client.headers.update(bearer(settings, "ada"))
        text = client.post(path, json={"message": "Hi"}).text
    assert ":model-answer-too-long" in text
    assert "longer than 65536 bytes" in text
    assert sum(len(content) for _, content in stored(settings)) < 65_536


def test_reply_that_cannot_be_stored_is_reported_and_frees_the_conversation(
    chat_client: TestClient, chat_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STORE_RETRY_SECONDS", 0)
    end_turn = conversations.end_turn

    async def refuse(connection: Any, user_id: str, turn: Any, reply: str | None, *rest: Any) -> Any:
        if reply == "Hello":
            raise ValueError("no database stores this")
        return await end_turn(connection, user_id, turn, reply, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(conversations, "end_turn", refuse)
        text = chat_client.post(f"{CHAT}/stream", json={"message": "Hi"}).text
    assert list(events(iter(text.splitlines())))[-1][0] == "error"
    assert stored(chat_settings) == [("user", "Hi")]
    assert chat_client.post(CHAT, json={"message": "On", "conversation_id": 1}).status_code == 200


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/stream"])
@pytest.mark.parametrize(
    "answer",
    [
        Fail(500, message="the-models-words"),
        Fail(400, message="the-models-words"),
        Raw(b'data: {"choices": "the-models-words", "finish_reason": "stop"}\n\n', "text/event-stream"),
        Raw(b'{"choices": "the-models-words"}'),
        Call([("no_such_tool_the-models-words", "the-models-words")]),
    ],
    ids=["500", "400", "wrong chunk", "wrong answer", "endless calls"],
)
def test_words_of_the_models_endpoint_are_not_logged(
    chat_client: TestClient, model: Model, capfd: pytest.CaptureFixture[str], path: str, answer: Any
) -> None:
    model.steps = [answer]
    text = chat_client.post(path, json={"message": "Hi"}).text
    assert '"status":502' in text.replace(" ", "")
    written = capfd.readouterr().err
    assert "chat turn failed" in written or "model-" in text
    assert "the-models-words" not in written
