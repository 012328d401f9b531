"""Operations on tasks."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import bearer
from todo_api.settings import Settings

TASKS = "/api/ada/tasks"


@pytest.fixture
def add(client: TestClient, ada: dict[str, str]) -> Any:
    """Add a task for ada and return it."""

    def add(title: str, **body: Any) -> dict[str, Any]:
        response = client.post(TASKS, json={"title": title, **body}, headers=ada)
        assert response.status_code == 201, response.text
        return dict(response.json())

    return add


def test_task_goes_through_its_whole_life(client: TestClient, ada: dict[str, str]) -> None:
    created = client.post(TASKS, json={"title": "Buy milk", "description": "Two litres"}, headers=ada)
    assert created.status_code == 201
    path = created.headers["Location"]
    task = created.json()
    assert path == f"{TASKS}/{task['id']}"
    assert (task["user_id"], task["title"], task["description"], task["completed"]) == (
        "ada", "Buy milk", "Two litres", False,
    )  # fmt: skip
    assert client.get(path, headers=ada).json() == task
    assert client.get(TASKS, headers=ada).json() == [task]

    replaced = client.put(path, json={"title": "Buy oat milk"}, headers=ada).json()
    assert (replaced["title"], replaced["description"], replaced["completed"]) == (
        "Buy oat milk",
        None,
        False,
    )
    assert replaced["updated_at"] > task["updated_at"]
    assert client.put(path, json={"title": "Buy oat milk", "completed": True}, headers=ada).json()[
        "completed"
    ]

    deleted = client.delete(path, headers=ada)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(path, headers=ada).status_code == 404


def test_completion_toggles(client: TestClient, ada: dict[str, str], add: Any) -> None:
    path = f"{TASKS}/{add('Sleep')['id']}/complete"
    assert [client.patch(path, headers=ada).json()["completed"] for _ in range(3)] == [True, False, True]


def test_concurrent_toggles_all_count(client: TestClient, ada: dict[str, str], add: Any) -> None:
    path = f"{TASKS}/{add('Sleep')['id']}/complete"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.patch(path, headers=ada), range(15)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["completed"] for answer in answers) == 8


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_task_of_another_user_does_not_exist(
    client: TestClient, bob: dict[str, str], add: Any, method: str
) -> None:
    path = f"/api/bob/tasks/{add('Private')['id']}" + ("/complete" if method == "patch" else "")
    body = {"title": "Mine now"} if method == "put" else None
    response = client.request(method, path, headers=bob, json=body)
    assert response.status_code == 404
    assert client.get("/api/bob/tasks", headers=bob).json() == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/title"),
        ({"title": ""}, "#/title"),
        ({"title": "   "}, "#/title"),
        ({"title": "x" * 201}, "#/title"),
        ({"title": "a\0b"}, "#/title"),
        ({"title": 7}, "#/title"),
        ({"title": "x", "description": "y" * 1001}, "#/description"),
        ({"title": "x", "description": "\0"}, "#/description"),
        ({"title": "x", "user_id": "bob"}, "#/user_id"),
        ({"title": "x", "id": 1}, "#/id"),
    ],
)
def test_wrong_body_is_refused_with_the_place_of_the_fault(
    client: TestClient, ada: dict[str, str], body: dict[str, Any], pointer: str
) -> None:
    response = client.post(TASKS, json=body, headers=ada)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "text", ["x" * 200, "😀" * 200, "日本語", "<script>", "'; DROP TABLE tasks; --", "\u200fabc"]
)
def test_any_readable_title_is_kept_as_it_is(client: TestClient, ada: dict[str, str], text: str) -> None:
    created = client.post(TASKS, json={"title": text}, headers=ada)
    assert created.json()["title"] == text


@pytest.mark.parametrize("task_id", ["0", "-1", "x", str(2**63), "1.5", "%00"])
def test_impossible_task_id_is_422(client: TestClient, ada: dict[str, str], task_id: str) -> None:
    assert client.get(f"{TASKS}/{task_id}", headers=ada).status_code == 422


def test_largest_task_id_is_404(client: TestClient, ada: dict[str, str]) -> None:
    assert client.get(f"{TASKS}/{2**63 - 1}", headers=ada).status_code == 404


def read_all(client: TestClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    """Follow the pages to the last."""
    found: list[dict[str, Any]] = []
    url = f"{TASKS}?" + "&".join(f"{name}={value}" for name, value in query.items())
    while True:
        response = client.get(url, headers=headers)
        assert response.status_code == 200, response.text
        found += response.json()
        link = response.headers.get("Link")
        assert (link is None) == ("X-Next-Cursor" not in response.headers)
        if link is None:
            return found
        url = link.partition("<")[2].partition(">")[0]


@pytest.mark.parametrize(
    "sort", ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"]
)
def test_pages_hold_every_task_once_in_order(
    client: TestClient, ada: dict[str, str], add: Any, sort: str
) -> None:
    made = [add(title) for title in ("b", "a", "c", "a", "b", "a", "d")]
    found = read_all(client, ada, sort=sort, limit=2)
    name = sort.removeprefix("-")
    expected = sorted(made, key=lambda t: (t[name], t["id"]), reverse=sort.startswith("-"))
    assert [task["id"] for task in found] == [task["id"] for task in expected]


def test_pages_neither_skip_nor_repeat_when_tasks_come_and_go(
    client: TestClient, ada: dict[str, str], add: Any
) -> None:
    made = [add(f"task {number}") for number in range(6)]
    first = client.get(TASKS, params={"limit": 3}, headers=ada)
    add("newer than the first page")
    client.delete(f"{TASKS}/{first.json()[0]['id']}", headers=ada)
    second = client.get(TASKS, params={"limit": 3, "cursor": first.headers["X-Next-Cursor"]}, headers=ada)
    assert [task["id"] for task in second.json()] == [made[2]["id"], made[1]["id"], made[0]["id"]]
    assert "Link" not in second.headers


def test_list_is_filtered_by_status_and_text(client: TestClient, ada: dict[str, str], add: Any) -> None:
    milk, bread, hundred = add("Buy MILK"), add("Buy bread"), add("100% milk_")
    client.patch(f"{TASKS}/{milk['id']}/complete", headers=ada)

    def ids(**query: str) -> set[int]:
        return {task["id"] for task in client.get(TASKS, params=query, headers=ada).json()}

    assert ids(status="completed") == {milk["id"]}
    assert ids(status="pending") == {bread["id"], hundred["id"]}
    assert ids(search="milk") == {milk["id"], hundred["id"]}
    assert ids(search="%") == {hundred["id"]}
    assert ids(search="_") == {hundred["id"]}
    assert ids(search="milk", status="pending") == {hundred["id"]}


def forged(*parts: object) -> str:
    """Return a cursor with any content."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "e30", "AAAA", "%00", "é",
        forged("title", "a", 1),
        forged("-created_at", "not a date", 1),
        forged("-created_at", "2026-01-01T00:00:00", 1),
        forged("-created_at", "2026-01-01T00:00:00Z", "1"),
        forged("-created_at", "2026-01-01T00:00:00Z", True),
        forged("-created_at", "2026-01-01T00:00:00Z", 2**63),
        forged("-created_at", {"a": 1}, 1),
        base64.urlsafe_b64encode(b"[" * 1500).decode(),
    ],
)  # fmt: skip
def test_damaged_cursor_is_422(client: TestClient, ada: dict[str, str], cursor: str) -> None:
    response = client.get(TASKS, params={"cursor": cursor}, headers=ada)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/cursor"


def test_cursor_shows_only_the_users_own_tasks(
    client: TestClient, settings: Settings, ada: dict[str, str], add: Any
) -> None:
    for number in range(3):
        add(f"task {number}")
    cursor = client.get(TASKS, params={"limit": 1}, headers=ada).headers["X-Next-Cursor"]
    answer = client.get("/api/eve/tasks", params={"cursor": cursor}, headers=bearer(settings, "eve"))
    assert answer.json() == []


def test_repeated_post_with_a_key_is_done_once(client: TestClient, ada: dict[str, str]) -> None:
    headers = {**ada, "Idempotency-Key": "k-1"}
    first, second = (client.post(TASKS, json={"title": "Once"}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(client.get(TASKS, headers=ada).json()) == 1


def test_concurrent_posts_with_one_key_make_one_task(client: TestClient, ada: dict[str, str]) -> None:
    headers = {**ada, "Idempotency-Key": "k-2"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: client.post(TASKS, json={"title": "Once"}, headers=headers), range(8))
        )
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert len(client.get(TASKS, headers=ada).json()) == 1


def test_key_of_another_request_is_refused(client: TestClient, ada: dict[str, str]) -> None:
    headers = {**ada, "Idempotency-Key": "k-3"}
    client.post(TASKS, json={"title": "One"}, headers=headers)
    other = client.post(TASKS, json={"title": "Other"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["errors"][0]["pointer"] == "#/Idempotency-Key"


def test_key_belongs_to_one_user(client: TestClient, ada: dict[str, str], bob: dict[str, str]) -> None:
    key = {"Idempotency-Key": "shared"}
    client.post(TASKS, json={"title": "Ada's"}, headers={**ada, **key})
    answer = client.post("/api/bob/tasks", json={"title": "Bob's"}, headers={**bob, **key})
    assert answer.json()["user_id"] == "bob"


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
def test_unusable_key_is_refused(client: TestClient, ada: dict[str, str], key: str) -> None:
    answer = client.post(TASKS, json={"title": "x"}, headers={**ada, "Idempotency-Key": key})
    assert answer.status_code == 422
