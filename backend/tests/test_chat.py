"""Chat turns, against a scripted model on a real socket."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer, running
from tests.fakes import Call, Cut, Fail, Hang, Model, Say, Step
from todo_api.main import create_app
from todo_api.settings import Settings

CHAT = "/api/ada/chat"
STREAM = f"{CHAT}/stream"


def stored(settings: Settings) -> list[tuple[str, str]]:
    """Return the roles and contents of all messages."""
    with closing(sqlite3.connect(settings.data_dir / "todo.db")) as database:
        return database.execute("SELECT role, content FROM messages ORDER BY id").fetchall()


def wait_until_stored(settings: Settings, expected: list[tuple[str, str]]) -> None:
    deadline = time.monotonic() + 10
    while (found := stored(settings)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Read server-sent events."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def kind(answer: Any) -> str:
    return str(answer.json()["type"].rpartition(":")[2])


def test_reply_and_tool_calls_are_returned_and_stored(
    chat_client: TestClient, chat_settings: Settings, model: Model
) -> None:
    model.steps = [
        Call([("add_task", {"title": "Buy milk"}), ("list_tasks", {})]),
        Call([("complete_task", {"task_id": 1})]),
        Say(["Done", "."]),
    ]
    answer = chat_client.post(CHAT, json={"message": "Buy milk, then mark it done"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["response"] == "Done."
    assert [call["name"] for call in body["tool_calls"]] == ["add_task", "list_tasks", "complete_task"]
    assert body["tool_calls"][0] == {
        "name": "add_task",
        "arguments": {"title": "Buy milk"},
        "result": {"task_id": 1, "status": "created", "title": "Buy milk"},
    }
    assert isinstance(body["tool_calls"][1]["result"], list)
    tasks = chat_client.get("/api/ada/tasks").json()
    assert [(task["title"], task["completed"], task["user_id"]) for task in tasks] == [
        ("Buy milk", True, "ada")
    ]
    assert stored(chat_settings) == [("user", "Buy milk, then mark it done"), ("assistant", "Done.")]


def test_model_is_asked_with_tools_and_the_token_limit(chat_client: TestClient, model: Model) -> None:
    chat_client.post(CHAT, json={"message": "Hi"})
    request = model.requests[0]
    assert {tool["function"]["name"] for tool in request["tools"]} == {
        "add_task", "list_tasks", "complete_task", "delete_task", "update_task",
    }  # fmt: skip
    assert request["max_tokens"] == 1024
    assert "user_id" not in json.dumps(request["tools"])
    assert "ada" not in json.dumps(request)


def test_conversation_goes_on_with_its_history(chat_client: TestClient, model: Model) -> None:
    first = chat_client.post(CHAT, json={"message": "One"}).json()
    model.steps = [Say(["Two"])]
    second = chat_client.post(
        CHAT, json={"conversation_id": first["conversation_id"], "message": "And?"}
    ).json()
    assert second["conversation_id"] == first["conversation_id"]
    said = [(m["role"], m["content"]) for m in model.requests[1]["messages"] if m["role"] != "system"]
    assert said == [("user", "One"), ("assistant", "Hello"), ("user", "And?")]


def test_conversation_of_another_user_does_not_exist(
    chat_client: TestClient, chat_settings: Settings, model: Model
) -> None:
    number = chat_client.post(CHAT, json={"message": "Mine"}).json()["conversation_id"]
    answer = chat_client.post(
        "/api/bob/chat",
        json={"conversation_id": number, "message": "Tell me"},
        headers=bearer(chat_settings, "bob"),
    )
    assert answer.status_code == 404
    assert len(model.requests) == 1
    assert len(stored(chat_settings)) == 2


@pytest.mark.parametrize(
    "body",
    [
        {}, {"message": ""}, {"message": " \n"}, {"message": "\0"}, {"message": "x" * 4001},
        {"message": "x", "conversation_id": 0}, {"message": "x", "conversation_id": "1"},
        {"message": "x", "conversation_id": 2**63}, {"message": "x", "user_id": "bob"},
    ],
)  # fmt: skip
def test_wrong_message_is_422(chat_client: TestClient, body: dict[str, Any]) -> None:
    for path in (CHAT, f"{CHAT}/stream"):
        assert chat_client.post(path, json=body).status_code == 422


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/stream"])
def test_chat_without_a_key_is_503_and_names_no_setting(
    client: TestClient, ada: dict[str, str], settings: Settings, path: str
) -> None:
    answer = client.post(path, json={"message": "Hi"}, headers=ada)
    assert (answer.status_code, kind(answer)) == (503, "chat-not-configured")
    assert "OPENAI" not in answer.json()["detail"]
    assert stored(settings) == []


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/stream"])
def test_chat_without_a_token_is_401(client: TestClient, path: str) -> None:
    assert client.post(path, json={"message": "Hi"}).status_code == 401


@pytest.mark.parametrize(
    ("step", "status", "expected"),
    [
        (Fail(429, {"Retry-After": "17"}), 503, "model-rate-limited"),
        (Fail(500), 502, "model-failed"),
        (Fail(400), 502, "model-failed"),
        (Fail(401), 502, "model-refused"),
        (Cut(), 502, "model-unreachable"),
        (Call([("list_tasks", {})]), 502, "model-turn-limit"),
    ],
    ids=["429", "500", "400", "401", "cut connection", "endless tool loop"],
)
def test_model_error_is_a_problem(
    chat_client: TestClient, chat_settings: Settings, model: Model, step: Any, status: int, expected: str
) -> None:
    model.steps = [step]
    answer = chat_client.post(CHAT, json={"message": "Hi"})
    assert (answer.status_code, kind(answer)) == (status, expected)
    if expected == "model-rate-limited":
        assert answer.headers["Retry-After"] == "17"
    if expected == "model-turn-limit":
        assert len(model.requests) == chat_settings.chat_max_turns
    assert "scripted failure" not in answer.text
    # The conversation is free again, and the message is stored.
    assert stored(chat_settings) == [("user", "Hi")]
    model.steps = [Say(["Back"])]
    again = chat_client.post(CHAT, json={"conversation_id": 1, "message": "Now?"})
    assert again.json()["response"] == "Back"


def test_streamed_model_error_is_an_event_with_a_problem(chat_client: TestClient, model: Model) -> None:
    model.steps = [Fail(500)]
    with chat_client.stream("POST", f"{CHAT}/stream", json={"message": "Hi"}) as answer:
        found = list(events(answer.iter_lines()))
    assert [name for name, _ in found] == ["conversation", "error"]
    assert found[1][1]["status"] == 502


def test_connection_cut_in_the_middle_keeps_what_was_said(
    chat_client: TestClient, chat_settings: Settings, model: Model
) -> None:
    model.steps = [Cut(after="Half an ans")]
    with chat_client.stream("POST", f"{CHAT}/stream", json={"message": "Hi"}) as answer:
        found = list(events(answer.iter_lines()))
    assert [name for name, _ in found] == ["conversation", "token", "error"]
    wait_until_stored(chat_settings, [("user", "Hi"), ("assistant", "Half an ans")])


@pytest.mark.parametrize("arguments", ["{not json", "[1]", "", '"x"', '{"task_id": "seven"}', "{}"])
def test_malformed_arguments_go_back_to_the_model(
    chat_client: TestClient, model: Model, arguments: str
) -> None:
    model.steps = [Call([("complete_task", arguments)]), Say(["Sorry."])]
    answer = chat_client.post(CHAT, json={"message": "Complete it"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["response"] == "Sorry."
    assert model.requests[1]["messages"][-1]["role"] == "tool"


def test_unknown_tool_goes_back_to_the_model(chat_client: TestClient, model: Model) -> None:
    model.steps = [Call([("drop_tables", {})]), Say(["Sorry."])]
    assert chat_client.post(CHAT, json={"message": "Hi"}).json()["response"] == "Sorry."


def test_turn_over_its_time_is_504(make_settings: MakeSettings, model: Model) -> None:
    hang = Hang()
    model.steps = [hang]
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, chat_turn_timeout=0.3
    )
    with TestClient(create_app(settings)) as client:
        client.post("/mcp", headers=bearer(settings, "ada"))  # loaded: the time is the model's
        answer = client.post(CHAT, json={"message": "Hi"}, headers=bearer(settings, "ada"))
        hang.release.set()
    assert (answer.status_code, kind(answer)) == (504, "model-timeout")


def test_model_call_over_its_time_is_504(make_settings: MakeSettings, model: Model) -> None:
    hang = Hang()
    model.steps = [hang]
    settings = make_settings(
        openai_api_key="sk-test-0123456789",
        openai_base_url=model.url,
        openai_timeout=0.2,
        openai_max_retries=0,
    )
    with TestClient(create_app(settings)) as client:
        answer = client.post(CHAT, json={"message": "Hi"}, headers=bearer(settings, "ada"))
        hang.release.set()
    assert (answer.status_code, kind(answer)) == (504, "model-timeout")


def test_passing_fault_of_the_endpoint_is_retried(make_settings: MakeSettings, model: Model) -> None:
    model.steps = [Fail(500, {"Retry-After": "0"}), Say(["Hello"])]
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, openai_max_retries=1
    )
    with TestClient(create_app(settings)) as client:
        answer = client.post(CHAT, json={"message": "Hi"}, headers=bearer(settings, "ada"))
    assert answer.json()["response"] == "Hello"


def test_stream_tells_tool_calls_and_ends_with_the_answer(chat_client: TestClient, model: Model) -> None:
    model.steps = [Call([("add_task", {"title": "Buy milk"})]), Say(["It ", "is ", "done."])]
    with chat_client.stream("POST", f"{CHAT}/stream", json={"message": "Buy milk"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        found = list(events(answer.iter_lines()))
    assert [name for name, _ in found] == ["conversation", "tool_call", "token", "token", "token", "done"]
    assert found[1][1]["result"] == {"task_id": 1, "status": "created", "title": "Buy milk"}
    assert found[-1][1]["response"] == "It is done."
    assert found[-1][1]["tool_calls"] == [found[1][1]]


@pytest.fixture
def served_chat(chat_settings: Settings) -> Iterator[str]:
    """The base URL of a served application whose chat asks the scripted model."""
    with running(create_app(chat_settings)) as url:
        yield url


def test_reply_is_stored_when_the_client_leaves(
    served_chat: str, chat_settings: Settings, model: Model
) -> None:
    left = threading.Event()
    model.steps = [Say(["One ", "two."], before_piece=lambda index: index and left.wait(10))]
    headers = bearer(chat_settings, "ada")
    with (
        httpx2.Client(base_url=served_chat, headers=headers) as client,
        client.stream("POST", f"{CHAT}/stream", json={"message": "Count"}) as answer,
    ):
        for name, _ in events(answer.iter_lines()):
            if name == "token":
                break
    left.set()
    wait_until_stored(chat_settings, [("user", "Count"), ("assistant", "One two.")])


@pytest.mark.parametrize("path", [CHAT, STREAM])
def test_turns_at_the_same_time_act_for_their_own_users(
    chat_client: TestClient, chat_settings: Settings, model: Model, path: str
) -> None:
    users = [f"user-{number}" for number in range(8)]
    together = threading.Barrier(len(users))

    def add_what_is_said(request: dict[str, Any]) -> Step:
        last = request["messages"][-1]
        if last["role"] != "user":
            return Say(["Done."])
        together.wait(20)
        return Call([("add_task", {"title": last["content"]})])

    def titles_after(user: str) -> list[str]:
        headers = bearer(chat_settings, user)
        answer = chat_client.post(path.replace("ada", user), json={"message": user}, headers=headers)
        assert answer.status_code == 200
        return [task["title"] for task in chat_client.get(f"/api/{user}/tasks", headers=headers).json()]

    model.steps = [add_what_is_said]
    with ThreadPoolExecutor(len(users)) as pool:
        assert list(pool.map(titles_after, users)) == [[user] for user in users]


def test_turns_of_one_conversation_are_answered_in_order(
    served_chat: str, chat_settings: Settings, model: Model
) -> None:
    model.steps = [Say(["ok"], before_piece=lambda _: time.sleep(0.05))]
    headers = bearer(chat_settings, "ada")
    with httpx2.Client(base_url=served_chat, headers=headers, timeout=30) as client:
        number = client.post(CHAT, json={"message": "first"}).json()["conversation_id"]

        def say(text: str) -> int:
            return client.post(CHAT, json={"conversation_id": number, "message": text}).status_code

        with ThreadPoolExecutor(5) as pool:
            assert list(pool.map(say, "abcde")) == [200] * 5
    roles = [role for role, _ in stored(chat_settings)]
    assert roles == ["user", "assistant"] * 6


def test_conversation_that_stays_busy_is_409(make_settings: MakeSettings, model: Model) -> None:
    hang = Hang()
    settings = make_settings(
        openai_api_key="sk-test-0123456789",
        openai_base_url=model.url,
        openai_max_retries=0,
        chat_queue_timeout=0.3,
    )
    headers = bearer(settings, "ada")
    with (
        running(create_app(settings)) as url,
        httpx2.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        number = client.post(CHAT, json={"message": "first"}).json()["conversation_id"]
        model.steps = [hang]
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(client.post, CHAT, json={"conversation_id": number, "message": "slow"})
            while len(model.requests) < 2:
                time.sleep(0.01)
            answer = client.post(CHAT, json={"conversation_id": number, "message": "impatient"})
            assert (answer.status_code, kind(answer)) == (409, "conversation-busy")
            assert int(answer.headers["Retry-After"]) >= 1
            # Another conversation does not wait.
            model.steps = [Say(["at once"])]
            assert client.post(CHAT, json={"message": "else"}).json()["response"] == "at once"
            hang.release.set()
            slow.result()


def test_turn_of_another_replica_is_waited_for(chat_client: TestClient, chat_settings: Settings) -> None:
    number = chat_client.post(CHAT, json={"message": "first"}).json()["conversation_id"]
    with closing(sqlite3.connect(chat_settings.data_dir / "todo.db")) as database, database:
        database.execute(
            "UPDATE conversations SET turn = 'other', turn_expires_at = datetime('now', '+1 second')"
        )
    started = time.monotonic()
    answer = chat_client.post(CHAT, json={"conversation_id": number, "message": "second"})
    assert answer.status_code == 200
    assert time.monotonic() - started > 0.2


def test_repeated_chat_with_a_key_asks_the_model_once(chat_client: TestClient, model: Model) -> None:
    headers = {"Idempotency-Key": "turn-1"}
    first, second = (chat_client.post(CHAT, json={"message": "Hi"}, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(model.requests) == 1
    with chat_client.stream("POST", f"{CHAT}/stream", json={"message": "Hi"}, headers=headers) as answer:
        assert list(events(answer.iter_lines())) == [("done", first.json())]


def test_failed_chat_gives_its_key_back(chat_client: TestClient, model: Model) -> None:
    headers = {"Idempotency-Key": "turn-2"}
    model.steps = [Fail(500)]
    assert chat_client.post(CHAT, json={"message": "Hi"}, headers=headers).status_code == 502
    model.steps = [Say(["Hello"])]
    assert chat_client.post(CHAT, json={"message": "Hi"}, headers=headers).status_code == 200


def test_chat_has_a_limit_of_its_own(make_settings: MakeSettings, model: Model) -> None:
    settings = make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, chat_rate_limit=1
    )
    with TestClient(create_app(settings)) as client:
        client.headers.update(bearer(settings, "ada"))
        assert client.post(CHAT, json={"message": "Hi"}).status_code == 200
        refused = client.post(f"{CHAT}/stream", json={"message": "Hi"})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 30
        assert client.get("/api/ada/tasks").status_code == 200
