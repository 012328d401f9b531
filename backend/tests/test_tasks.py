"""Operations on tasks."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.conftest import bearer
from todo_api.main import create_app
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
    reader: TestClient, body: dict[str, Any], pointer: str
) -> None:
    response = reader.post(TASKS, json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "text", ["x" * 200, "😀" * 200, "日本語", "<script>", "'; DROP TABLE tasks; --", "\u200fabc"]
)
def test_any_readable_title_is_kept_as_it_is(client: TestClient, ada: dict[str, str], text: str) -> None:
    created = client.post(TASKS, json={"title": text}, headers=ada)
    assert created.json()["title"] == text


@pytest.mark.parametrize("task_id", ["0", "-1", "x", str(2**63), "1.5", "%00"])
def test_impossible_task_id_is_422(reader: TestClient, task_id: str) -> None:
    assert reader.get(f"{TASKS}/{task_id}").status_code == 422


def test_largest_task_id_is_404(reader: TestClient) -> None:
    assert reader.get(f"{TASKS}/{2**63 - 1}").status_code == 404


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
        forged("-created_at", "0001-01-01T00:00:00+23:59", 1),
        forged("-created_at", "9999-12-31T23:59:59-23:59", 1),
        forged("-created_at", "\ud800", 1),
        base64.urlsafe_b64encode(b"[" * 1500).decode(),
    ],
)  # fmt: skip
def test_damaged_cursor_is_422(reader: TestClient, cursor: str) -> None:
    response = reader.get(TASKS, params={"cursor": cursor})
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
def test_unusable_key_is_refused(reader: TestClient, key: str) -> None:
    answer = reader.post(TASKS, json={"title": "x"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422


def test_batch_adds_all_tasks_in_order(client: TestClient, ada: dict[str, str]) -> None:
    wanted = [{"title": f"task {number}", "description": str(number)} for number in range(30)]
    answer = client.post(f"{TASKS}/batch", json={"tasks": wanted}, headers=ada)
    assert answer.status_code == 201
    made = answer.json()["tasks"]
    assert [{"title": task["title"], "description": task["description"]} for task in made] == wanted
    assert client.get(TASKS, params={"sort": "created_at"}, headers=ada).json() == made


@pytest.mark.parametrize(
    ("tasks", "pointer"),
    [
        ([], "#/tasks"),
        ([{"title": "x"}] * 101, "#/tasks"),
        ([{"title": "x"}, {"title": ""}], "#/tasks/1/title"),
        ([{"title": "x", "a/b~c": 1}], "#/tasks/0/a~1b~0c"),
    ],
)
def test_wrong_batch_adds_nothing(reader: TestClient, tasks: list[dict[str, Any]], pointer: str) -> None:
    answer = reader.post(f"{TASKS}/batch", json={"tasks": tasks})
    assert answer.status_code == 422
    assert [(e["in"], e["pointer"]) for e in answer.json()["errors"]] == [("body", pointer)]
    assert reader.get(TASKS).json() == []


def test_repeated_batch_with_a_key_is_done_once(client: TestClient, ada: dict[str, str]) -> None:
    headers = {**ada, "Idempotency-Key": "batch-1"}
    body = {"tasks": [{"title": "One"}, {"title": "Zwölf"}]}
    first, second = (client.post(f"{TASKS}/batch", json=body, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(client.get(TASKS, headers=ada).json()) == 2


def test_patch_sets_the_given_members_only(client: TestClient, ada: dict[str, str], add: Any) -> None:
    task = add("Buy milk", description="Two litres")
    path = f"{TASKS}/{task['id']}"

    def patch(**body: Any) -> dict[str, Any]:
        answer = client.patch(path, json=body, headers=ada)
        assert answer.status_code == 200, answer.text
        return {name: answer.json()[name] for name in ("title", "description", "completed")}

    assert patch(completed=True) == patch(completed=True)
    assert patch(title="Oat milk") == {
        "title": "Oat milk", "description": "Two litres", "completed": True,
    }  # fmt: skip
    assert patch(description=None, completed=False) == {
        "title": "Oat milk", "description": None, "completed": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#"),
        ({"title": None}, "#/title"),
        ({"title": ""}, "#/title"),
        ({"completed": None}, "#/completed"),
        ({"completed": 1}, "#/completed"),
        ({"id": 1}, "#/id"),
    ],
)
def test_wrong_patch_is_refused(
    client: TestClient, ada: dict[str, str], add: Any, body: dict[str, Any], pointer: str
) -> None:
    task = add("Buy milk")
    answer = client.patch(f"{TASKS}/{task['id']}", json=body, headers=ada)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert client.get(f"{TASKS}/{task['id']}", headers=ada).json() == task


def test_patch_takes_a_merge_patch(client: TestClient, ada: dict[str, str], add: Any) -> None:
    headers = {**ada, "Content-Type": "application/merge-patch+json"}
    answer = client.patch(f"{TASKS}/{add('x')['id']}", content=b'{"completed": true}', headers=headers)
    assert answer.json()["completed"] is True


CHANGES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("PUT", "", {"title": "New"}),
    ("PATCH", "", {"title": "New"}),
    ("PATCH", "/complete", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "below", "body"), CHANGES)
def test_change_of_a_version_that_is_gone_is_412(
    client: TestClient, ada: dict[str, str], add: Any, method: str, below: str, body: dict[str, Any] | None
) -> None:
    path = f"{TASKS}/{add('Old')['id']}"
    first = client.get(path, headers=ada).headers["ETag"]
    second = client.patch(path, json={"completed": True}, headers=ada).headers["ETag"]
    assert second != first
    assert client.get(path, headers=ada).headers["ETag"] == second
    for stale in (first, f"W/{second}", "nonsense"):
        refused = client.request(method, path + below, json=body, headers={**ada, "If-Match": stale})
        assert refused.status_code == 412
        assert refused.headers["ETag"] == second
        assert refused.headers["Content-Type"] == "application/problem+json"
    assert client.get(path, headers=ada).json()["title"] == "Old"
    good = {**ada, "If-Match": f'"other", {second}'}
    assert client.request(method, path + below, json=body, headers=good).status_code in (200, 204)


def test_any_version_matches_a_star_but_not_where_there_is_none(
    client: TestClient, ada: dict[str, str], add: Any
) -> None:
    path = f"{TASKS}/{add('x')['id']}"
    headers = {**ada, "If-Match": "*"}
    assert client.delete(path, headers=headers).status_code == 204
    assert client.delete(path, headers=headers).status_code == 404


def test_of_two_changes_of_one_version_one_is_made(client: TestClient, ada: dict[str, str], add: Any) -> None:
    path = f"{TASKS}/{add('x')['id']}"
    headers = {**ada, "If-Match": client.get(path, headers=ada).headers["ETag"]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: client.patch(path, json={"title": str(n)}, headers=headers), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


@pytest.mark.parametrize(("method", "below", "body"), CHANGES)
def test_precondition_can_be_required(
    make_settings: Any, method: str, below: str, body: dict[str, Any] | None
) -> None:
    settings = make_settings(require_if_match=True)
    with TestClient(create_app(settings)) as client:
        client.headers.update(bearer(settings, "ada"))
        made = client.post(TASKS, json={"title": "x"})
        path = made.headers["Location"]
        assert client.request(method, path + below, json=body).status_code == 428
        headers = {"If-Match": made.headers["ETag"]}
        assert client.request(method, path + below, json=body, headers=headers).status_code in (200, 204)


def test_list_tells_its_length_on_request(client: TestClient, ada: dict[str, str], add: Any) -> None:
    for number in range(5):
        add(f"task {number}")
    client.patch(f"{TASKS}/1/complete", headers=ada)
    plain = client.get(TASKS, params={"limit": 2}, headers=ada)
    counted = client.get(TASKS, params={"limit": 2, "count": "true", "status": "pending"}, headers=ada)
    assert "X-Total-Count" not in plain.headers
    assert counted.headers["X-Total-Count"] == "4"
    following = counted.headers["Link"].partition("<")[2].partition(">")[0]
    assert client.get(following, headers=ada).headers["X-Total-Count"] == "4"


@pytest.mark.parametrize("user", ["ada lovelace", "źdźbło", "日本", "50%", "a?b#c", "ünï"])
def test_links_hold_any_user_id(client: TestClient, settings: Settings, user: str) -> None:
    headers = bearer(settings, user)
    base = f"/api/{quote(user)}/tasks"
    made = [client.post(base, json={"title": "x"}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert client.get(made[0].headers["Location"], headers=headers).json() == made[0].json()
    page = client.get(base, params={"limit": 1}, headers=headers)
    following = page.headers["Link"].partition("<")[2].partition(">")[0]
    assert client.get(following, headers=headers).json() == [made[0].json()]
