"""The API that clients expect: versions, parts, batches, counts, conversations."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.support.model import Calls, Says
from tests.support.systems import Account, App, Systems


def test_of_changes_of_one_version_one_is_made(app: App, ada: Account) -> None:
    with app.api(ada) as api, ThreadPoolExecutor(8) as pool:
        made = api.post("/tasks", json={"title": "Splice the mainbrace"})
        path = f"/tasks/{made.json()['id']}"
        headers = {"If-Match": made.headers["ETag"]}
        answers = list(
            pool.map(lambda n: api.patch(path, json={"title": f"{n}"}, headers=headers), range(12))
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11
        (winner,) = [answer for answer in answers if answer.status_code == 200]
        current = api.get(path)
        assert (current.json(), current.headers["ETag"]) == (winner.json(), winner.headers["ETag"])
        assert {answer.headers["ETag"] for answer in answers if answer.status_code == 412} <= {
            winner.headers["ETag"], made.headers["ETag"],
        }  # fmt: skip


def test_a_batch_is_added_in_order_and_counted(app: App, ada: Account) -> None:
    titles = [f"rope {number}" for number in range(100)]
    with app.api(ada) as api:
        made = api.post("/tasks/batch", json={"tasks": [{"title": title} for title in titles]})
        assert [task["title"] for task in made.json()["tasks"]] == titles
        page = api.get("/tasks", params={"count": "true", "limit": 10, "sort": "created_at"})
        assert page.headers["X-Total-Count"] == "100"
        assert page.json() == made.json()["tasks"][:10]
        assert all(task["created_at"].endswith("Z") for task in page.json())


def test_conversations_are_kept_read_and_deleted(app: App, ada: Account, neighbourhood: Systems) -> None:
    neighbourhood.model.will(
        Calls([("add_task", {"title": "Weigh anchor"})]), Says("Aye."), then=Says("Aye aye.")
    )
    with app.api(ada) as api:
        first = api.post("/chat", json={"message": "Weigh the anchor"}).json()
        number = first["conversation_id"]
        api.post("/chat", json={"message": "And?", "conversation_id": number}).raise_for_status()
        read = api.get(f"/conversations/{number}").json()
        assert [(message["role"], message["content"]) for message in read["messages"]] == [
            ("user", "Weigh the anchor"), ("assistant", "Aye."), ("user", "And?"), ("assistant", "Aye aye."),
        ]  # fmt: skip
        assert read["messages"][1]["tool_calls"] == first["tool_calls"]
        assert api.patch(f"/conversations/{number}", json={"title": "Anchor"}).json()["title"] == "Anchor"
        assert [one["title"] for one in api.get("/conversations").json()] == ["Anchor"]
        with app.client(ada.token) as client:
            assert client.delete(f"/api/{ada.user.id}").status_code == 204
        assert api.get("/conversations").json() == api.get("/tasks").json() == []


@pytest.mark.parametrize("name", ["Authorization", "Host"])
def test_a_repeated_header_is_400(app: App, ada: Account, name: str) -> None:
    values = {"Authorization": f"Bearer {ada.token}", "Host": "localhost"}
    where = urlsplit(app.url)
    # Well-behaved HTTP libraries refuse to send such a request.
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=10)
    try:
        connection.putrequest("GET", f"/api/{ada.user.id}/tasks", skip_host=True)
        for header, value in [*values.items(), (name, values[name])]:
            connection.putheader(header, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
    finally:
        connection.close()


def test_docs_are_off_in_production_unless_asked_for(neighbourhood: Systems) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("without_docs"))
    del environment["DOCS"]
    with neighbourhood.app(environment) as app, app.client() as client:
        assert [client.get(path).status_code for path in ("/docs", "/openapi.json")] == [404, 404]
        assert [client.head(path).status_code for path in ("/livez", "/readyz", "/health")] == [200] * 3
