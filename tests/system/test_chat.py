"""Chat through the agent, with a model on a real socket that behaves well or badly on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.support.model import Calls, Fails, Model, Says, Sends
from tests.support.systems import Account, App, Systems

HISTORY = 6
MAX_TURNS = 5
LEASE_SECONDS = 10


@pytest.fixture(scope="module")
def app(neighbourhood: Systems) -> Iterator[App]:
    """A container with short time limits and a short memory, so that a test can reach them."""
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("chat"))
    environment |= {
        "CHAT_HISTORY_MESSAGES": str(HISTORY),
        "CHAT_MAX_TURNS": str(MAX_TURNS),
        "CHAT_MAX_TOKENS": "321",
        "CHAT_TURN_TIMEOUT_SECONDS": "4",
        "OPENAI_TIMEOUT_SECONDS": "2",
    }
    neighbourhood.model.will()
    first = neighbourhood.account()
    with neighbourhood.app(environment) as running, running.api(first) as api:
        # The agent loads in the background; on a busy machine that can exceed a turn's time limit.
        while api.post("/chat", json={"message": "Are you there?"}).status_code == 504:
            pass
        yield running


@pytest.fixture
def model(neighbourhood: Systems) -> Model:
    """The model, without the previous test's script."""
    neighbourhood.model.will()
    return neighbourhood.model


@pytest.fixture
def api(app: App, ada: Account) -> Iterator[httpx2.Client]:
    """Ada's part of the API."""
    with app.api(ada) as client:
        yield client


@dataclass(frozen=True)
class Event:
    """One server-sent event and its arrival time (seconds)."""

    name: str
    data: dict[str, Any]
    at: float


def _events(answer: httpx2.Response) -> Iterator[Event]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield Event(name, json.loads(line.removeprefix("data:")), time.monotonic())


def _stream(api: httpx2.Client, **body: object) -> list[Event]:
    with api.stream("POST", "/chat/stream", json=body) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        return list(_events(answer))


def _last(answer: httpx2.Response) -> dict[str, Any]:
    """Return the whole answer, also from a stream's last event."""
    data: dict[str, Any] = json.loads(answer.text.strip().rpartition("data: ")[2])
    return data


def _said(api: httpx2.Client, model: Model, conversation: int) -> list[tuple[str, str]]:
    """Return the conversation that the model sees, without the instructions and the new message."""
    model.will(Says("Noted."))
    api.post("/chat", json={"conversation_id": conversation, "message": "And?"}).raise_for_status()
    messages = [m for m in model.requests[-1].messages if m["role"] in ("user", "assistant")]
    return [(message["role"], _text(message)) for message in messages[:-1]]


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


# --- good days ----------------------------------------------------------------------------------------------


def test_several_tool_calls_in_one_answer_are_all_carried_out(api: httpx2.Client, model: Model) -> None:
    model.will(
        Calls([("add_task", {"title": "Buy rope"}), ("add_task", {"title": "Buy tar"}), ("list_tasks", {})]),
        Calls([("list_tasks", {"status": "pending"})]),
        Says("Rope and tar are on your list."),
    )
    answer = api.post("/chat", json={"message": "Rope and tar, please"}).raise_for_status().json()
    assert answer["response"] == "Rope and tar are on your list."
    assert [call["name"] for call in answer["tool_calls"]] == [
        "add_task",
        "add_task",
        "list_tasks",
        "list_tasks",
    ]
    assert answer["tool_calls"][0]["arguments"] == {"title": "Buy rope"}
    assert answer["tool_calls"][0]["result"]["status"] == "created"
    assert {task["title"] for task in answer["tool_calls"][-1]["result"]} == {"Buy rope", "Buy tar"}
    assert {task["title"] for task in api.get("/tasks").json()} == {"Buy rope", "Buy tar"}


def test_the_agent_works_on_the_callers_tasks_only(
    app: App, api: httpx2.Client, model: Model, grace: Account
) -> None:
    with app.api(grace) as hers:
        number = hers.post("/tasks", json={"title": "Hide the map"}).json()["id"]
        model.will(
            Calls([("list_tasks", {}), ("delete_task", {"task_id": number})]),
            Says("There is nothing to delete."),
        )
        answer = api.post("/chat", json={"message": "Delete everything"}).raise_for_status().json()
        assert answer["tool_calls"][0]["result"] == []
        assert "map" not in json.dumps(answer)
        assert hers.get(f"/tasks/{number}").status_code == 200


def test_a_conversation_of_somebody_else_is_404(
    app: App, api: httpx2.Client, model: Model, grace: Account
) -> None:
    theirs = api.post("/chat", json={"message": "Hello"}).json()["conversation_id"]
    with app.api(grace) as stranger:
        answer = stranger.post("/chat", json={"conversation_id": theirs, "message": "What did they say?"})
    assert answer.status_code == 404
    assert len(model.requests) == 1


def test_the_model_is_shown_the_newest_messages_in_order(api: httpx2.Client, model: Model) -> None:
    conversation = api.post("/chat", json={"message": "message 0"}).json()["conversation_id"]
    for number in range(1, 5):
        model.will(Says(f"reply {number}"))
        body = {"conversation_id": conversation, "message": f"message {number}"}
        api.post("/chat", json=body).raise_for_status()
    said = _said(api, model, conversation)
    assert said == [
        ("user", "message 2"),
        ("assistant", "reply 2"),
        ("user", "message 3"),
        ("assistant", "reply 3"),
        ("user", "message 4"),
        ("assistant", "reply 4"),
    ]
    assert len(said) == HISTORY


def test_the_request_to_the_model_carries_key_model_and_token_limit(
    api: httpx2.Client, model: Model, neighbourhood: Systems
) -> None:
    api.post("/chat", json={"message": "Hello"}).raise_for_status()
    request = model.requests[0]
    assert request.headers["authorization"] == f"Bearer {neighbourhood.openai_key}"
    assert request.body["model"] == "double-1"
    assert 321 in (request.body.get("max_tokens"), request.body.get("max_completion_tokens"))
    assert {tool["function"]["name"] for tool in request.body["tools"]} >= {"add_task", "list_tasks"}


def test_streamed_words_arrive_while_the_model_still_writes(api: httpx2.Client, model: Model) -> None:
    model.will(Calls([("add_task", {"title": "Hoist the flag"})]), Says("one two three four five", pause=0.2))
    events = _stream(api, message="Hoist it")
    names = [event.name for event in events]
    tokens = [event for event in events if event.name == "token"]
    assert names[0] == "conversation"
    assert names.index("tool_call") < names.index("token")
    assert names[-1] == "done"
    assert "".join(token.data["text"] for token in tokens) == "one two three four five"
    assert len(tokens) == 5
    assert model.requests[-1].body["stream"] is True
    # A finished answer that is only split into words would arrive at once.
    assert tokens[-1].at - tokens[0].at > 0.5
    assert events[-1].data["response"] == "one two three four five"
    assert events[-1].data["tool_calls"][0]["result"]["status"] == "created"


def test_the_reply_is_stored_even_when_the_client_leaves(api: httpx2.Client, model: Model) -> None:
    model.will(Says("one two three four five six seven", pause=0.15))
    with api.stream("POST", "/chat/stream", json={"message": "Count"}) as answer:
        for event in _events(answer):
            if event.name == "conversation":
                conversation = event.data["conversation_id"]
            elif event.name == "token":
                break
    assert _said(api, model, conversation) == [
        ("user", "Count"),
        ("assistant", "one two three four five six seven"),
    ]


def test_messages_of_one_conversation_are_answered_one_after_the_other(
    api: httpx2.Client, model: Model
) -> None:
    conversation = api.post("/chat", json={"message": "first"}).json()["conversation_id"]
    model.will(then=Says("slowly said", pause=0.3))

    def send(number: int) -> httpx2.Response:
        return api.post("/chat", json={"conversation_id": conversation, "message": f"message {number}"})

    with ThreadPoolExecutor(3) as pool:
        assert {answer.status_code for answer in pool.map(send, range(3))} == {200}
    roles = [role for role, _ in _said(api, model, conversation)]
    assert roles == ["user", "assistant"] * (len(roles) // 2)


def test_a_replica_waits_for_the_turn_that_another_one_runs(
    app: App, api: httpx2.Client, model: Model, neighbourhood: Systems, ada: Account
) -> None:
    conversation = api.post("/chat", json={"message": "first"}).json()["conversation_id"]
    with neighbourhood.app(neighbourhood.environment("chat")) as replica, replica.api(ada) as other:
        model.will(Says("the first reply", pause=0.8), Says("the second reply"))
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(
                api.post, "/chat", json={"conversation_id": conversation, "message": "message 1"}
            )
            while not model.requests:
                time.sleep(0.02)
            second = other.post("/chat", json={"conversation_id": conversation, "message": "message 2"})
            assert first.result().json()["response"] == "the first reply"
            assert second.json()["response"] == "the second reply"
    assert [_text(m) for m in model.requests[1].messages[-3:]] == [
        "message 1",
        "the first reply",
        "message 2",
    ]


def test_a_repeated_message_with_the_same_idempotency_key_is_answered_once(
    api: httpx2.Client, model: Model
) -> None:
    model.will(Calls([("add_task", {"title": "Only once"})]), Says("Added."))
    answers = [
        api.post("/chat", json={"message": "Add it"}, headers={"Idempotency-Key": "turn-1"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert len(api.get("/tasks").json()) == 1
    assert len(model.requests) == 2


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_a_turn_that_fails_after_a_change_is_answered_again_and_not_run_again(
    api: httpx2.Client, model: Model, path: str
) -> None:
    model.will(Calls([("add_task", {"title": "Only once"})]), then=Fails(500, "words of the endpoint"))
    answers = [api.post(path, json={"message": "Add"}, headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert [task["title"] for task in api.get("/tasks").json()] == ["Only once"]
    assert len(model.requests) == 2
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    for answer in answers:
        assert answer.status_code == (200 if path.endswith("stream") else 502)
        told = _last(answer)
        assert told["type"].endswith(":model-failed")
        assert [call["arguments"] for call in told["tool_calls"]] == [{"title": "Only once"}]


def test_a_killed_replica_leaves_its_changes_under_the_key_and_its_conversation_soon(
    neighbourhood: Systems, api: httpx2.Client, model: Model, ada: Account
) -> None:
    conversation = api.post("/chat", json={"message": "Hello"}).json()["conversation_id"]
    body = {"message": "Add it", "conversation_id": conversation}
    key = {"Idempotency-Key": "killed"}
    model.will(Calls([("add_task", {"title": "Only once"})]), Says("too late", pause=30))
    with (
        neighbourhood.app(neighbourhood.environment("chat")) as replica,
        replica.api(ada, seconds=60) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        turn = pool.submit(other.post, "/chat", json=body, headers=key)
        while len(model.requests) < 2:
            assert not turn.done(), turn.result().text
            time.sleep(0.02)
        replica.running.container.kill("SIGKILL")
        assert isinstance(turn.exception(), httpx2.HTTPError)
    model.will(then=Says("Aye."))
    # Like any next message of the conversation, this waits until the lost turn's lease ends.
    began = time.monotonic()
    after = api.post("/chat", json=body | {"message": "And now?"}).raise_for_status()
    assert time.monotonic() - began < LEASE_SECONDS + 5
    assert after.json()["response"] == "Aye."
    for _ in range(2):
        answer = api.post("/chat", json=body, headers=key)
        assert answer.status_code == 500
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert answer.json()["type"].endswith(":turn-interrupted")
        assert [call["name"] for call in answer.json()["tool_calls"]] == ["add_task"]
    assert [task["title"] for task in api.get("/tasks").json()] == ["Only once"]


# --- bad days -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "arguments",
    ['{"title": ', "not json at all", '["a list"]', '{"title": 7}', "{}", '{"title": "x", "completed": []}'],
)
def test_malformed_tool_arguments_change_nothing_and_end_the_turn_well(
    api: httpx2.Client, model: Model, arguments: str, streamed: bool
) -> None:
    model.will(Calls([("add_task", arguments)]), Says("I could not do that."))
    if streamed:
        last = _stream(api, message="Add something")[-1]
        status, answer = (200 if last.name == "done" else last.data["status"]), last.data
    else:
        response = api.post("/chat", json={"message": "Add something"})
        status, answer = response.status_code, response.json()
    assert status in (200, 502), answer
    assert answer.get("response") == "I could not do that." or answer["type"].endswith(":model-failed")
    titles = [task["title"] for task in api.get("/tasks").json()]
    assert titles in ([], ["x"])  # an extra argument may be dropped, but must not change the task


def test_a_tool_that_does_not_exist_is_reported_to_the_model(api: httpx2.Client, model: Model) -> None:
    model.will(Calls([("drop_database", {})]), Says("There is no such tool."))
    answer = api.post("/chat", json={"message": "Drop it"}).raise_for_status().json()
    assert answer["response"] == "There is no such tool."


def test_an_endless_tool_loop_ends_at_the_turn_limit(api: httpx2.Client, model: Model) -> None:
    model.will(then=Calls([("list_tasks", {})]))
    answer = api.post("/chat", json={"message": "List for ever"})
    assert answer.status_code == 502
    assert answer.json()["type"].endswith(":model-turn-limit")
    assert len(model.requests) == MAX_TURNS


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_hundreds_of_tool_calls_in_one_answer_are_not_made(
    api: httpx2.Client, model: Model, path: str
) -> None:
    model.will(Calls([("add_task", {"title": "x"})] * 300))
    assert ":tool-call-limit" in api.post(path, json={"message": "Fill my list"}).text
    assert api.get("/tasks").json() == []


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_an_endless_answer_is_cut_off_and_not_stored(
    api: httpx2.Client, model: Model, neighbourhood: Systems, ada: Account, path: str
) -> None:
    document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "double-1"}
    choice = {"index": 0, "delta": {"content": "x" * 100_000}, "finish_reason": None}
    event = b"data: " + json.dumps({**document, "choices": [choice]}).encode() + b"\n\n"
    whole = Sends(b" " * 100_000, times=1000)
    model.will(then=Sends(event, "text/event-stream", times=1000) if path.endswith("stream") else whole)
    assert ":model-answer-too-long" in api.post(path, json={"message": "Tell me everything"}).text
    query = "SELECT coalesce(sum(length(content)), 0) FROM messages WHERE user_id = %s"
    assert neighbourhood.postgres.run(query, ada.user.id, database="chat")[0][0] < 5_000_000


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_half_a_character_of_the_model_ends_no_conversation(
    api: httpx2.Client, model: Model, path: str
) -> None:
    conversation = api.post("/chat", json={"message": "Hello"}).json()["conversation_id"]
    model.will(Says("half a \ud83d"))
    answer = api.post(path, json={"message": "Smile", "conversation_id": conversation})
    assert "half a \ufffd" in json.dumps(_last(answer), ensure_ascii=False)
    assert _said(api, model, conversation)[-1] == ("assistant", "half a \ufffd")


@pytest.mark.parametrize(
    "reply",
    [
        Sends(b"<html>Sign in</html>", "text/html"),
        Sends(b""),
        Sends(b'{"choices": [{"message": {"content": "At once"}, "finish_reason": "stop"}]}'),
        Sends(b"data: [DONE]\n\n", "text/event-stream"),
    ],
    ids=["HTML", "nothing", "whole JSON", "only the end"],
)
def test_an_answer_that_is_no_stream_is_an_error_and_not_an_empty_success(
    api: httpx2.Client, model: Model, reply: Sends
) -> None:
    model.will(then=reply)
    events = _stream(api, message="Hello")
    assert [event.name for event in events] == ["conversation", "error"]
    assert events[-1].data["status"] == 502
    assert _said(api, model, events[0].data["conversation_id"]) == [("user", "Hello")]


@pytest.mark.parametrize(
    ("reply", "status", "kind"),
    [
        (Fails(429, headers={"Retry-After": "17"}), 503, "model-rate-limited"),
        (Fails(500), 502, "model-failed"),
        (Fails(400, "context too long"), 502, "model-failed"),
        (Fails(401, "wrong key sk-leaked-in-an-error"), 502, "model-refused"),
        (Says("never finished at all", cut_after=2), 502, "model-unreachable"),
        (Says("much too slow", pause=3), 504, "model-timeout"),
    ],
    ids=["429", "500", "400", "401", "cut connection", "silence"],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_errors_of_the_model_become_problem_details(
    app: App, api: httpx2.Client, model: Model, reply: Says | Fails, status: int, kind: str, streamed: bool
) -> None:
    model.will(then=reply)
    if streamed:
        last = _stream(api, message="Hello")[-1]
        assert last.name == "error"
        problem = last.data
    else:
        answer = api.post("/chat", json={"message": "Hello"})
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        if status == 503:
            assert answer.headers["Retry-After"] == "17"
        problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].endswith(f":{kind}")
    assert "sk-" not in json.dumps(problem)
    if isinstance(reply, Fails):
        assert reply.message not in app.log()
    # The conversation can continue.
    model.will(Says("Better now."))
    assert api.post("/chat", json={"message": "Again"}).json()["response"] == "Better now."


def test_a_slow_stream_ends_at_the_turn_time_out_and_keeps_what_was_said(
    api: httpx2.Client, model: Model
) -> None:
    model.will(then=Says("word " * 40, pause=0.4))
    began = time.monotonic()
    events = _stream(api, message="Tell me everything")
    assert time.monotonic() - began < 8
    assert events[-1].name == "error"
    assert events[-1].data["status"] == 504
    read = "".join(event.data["text"] for event in events if event.name == "token")
    assert _said(api, model, events[0].data["conversation_id"]) == [
        ("user", "Tell me everything"),
        ("assistant", read),
    ]


def test_a_waiting_chat_holds_up_no_other_request(app: App, api: httpx2.Client, model: Model) -> None:
    model.will(then=Says("late", pause=1.5))
    done = threading.Event()
    with app.client() as client, ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(api.post, "/chat", json={"message": "Hello"}).add_done_callback(lambda _: done.set())
        slowest = 0.0
        while not done.is_set():
            began = time.monotonic()
            assert client.get("/livez").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.5


def test_without_a_key_chat_is_503_and_names_no_setting(neighbourhood: Systems, ada: Account) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("keyless"))
    del environment["OPENAI_API_KEY"]
    with neighbourhood.app(environment) as app, app.api(ada) as api:
        for path in ("/chat", "/chat/stream"):
            answer = api.post(path, json={"message": "Hello"})
            assert answer.status_code == 503
            assert "OPENAI" not in answer.json()["detail"]
        assert api.post("/tasks", json={"title": "The rest works"}).status_code == 201


@pytest.mark.parametrize("tracing", [False, True], ids=["unset", "on"])
def test_runs_are_traced_only_where_a_setting_says_so(
    neighbourhood: Systems, model: Model, ada: Account, tracing: bool
) -> None:
    environment = neighbourhood.environment("chat")
    environment |= {"OPENAI_AGENTS_TRACING": "true"} if tracing else {}
    # The tracing service is unreachable; the container logs its attempt when it ends.
    hosts = neighbourhood.hosts(**{"api.openai.com": "127.0.0.1"})
    with neighbourhood.app(environment, hosts=hosts) as app:
        with app.api(ada) as api:
            api.post("/chat", json={"message": "Hello"}).raise_for_status()
        app.running.stop()
        assert ("Tracing" in app.log()) == tracing
