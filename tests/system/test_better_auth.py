"""Tokens of a real Better Auth server, and forged ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.better_auth import PUBLIC_URL
from tests.support.forgeries import FORGERIES, Workshop
from tests.support.systems import Account, App, Systems


@pytest.fixture
def keys(neighbourhood: Systems) -> Iterator[Systems]:
    """The neighbourhood; its keys and their address are restored afterwards."""
    yield neighbourhood
    neighbourhood.auth.jwks("up")
    neighbourhood.auth.rotate()


def test_sign_up_session_and_token_lead_to_the_api(app: App, neighbourhood: Systems) -> None:
    user = neighbourhood.auth.sign_up()
    token = neighbourhood.auth.token(neighbourhood.auth.sign_in(user))
    with app.api(Account(user, token)) as api:
        created = api.post("/tasks", json={"title": "Pack the sextant"})
        assert created.status_code == 201
        assert created.json()["user_id"] == user.id


def test_a_token_opens_only_its_own_users_paths(app: App, ada: Account, grace: Account) -> None:
    with app.client(ada.token) as client:
        for method, path in (("GET", "tasks"), ("POST", "tasks"), ("GET", "tasks/1"), ("POST", "chat")):
            answer = client.request(
                method, f"/api/{grace.user.id}/{path}", json={"title": "x", "message": "x"}
            )
            assert answer.status_code == 403, (method, path, answer.text)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES512", "PS256", "RS256"])
def test_every_algorithm_that_better_auth_signs_with_is_accepted(
    app: App, keys: Systems, algorithm: str
) -> None:
    keys.auth.rotate(algorithm)
    with app.api(keys.account()) as api:
        assert api.get("/tasks").status_code == 200


def test_rotated_keys_are_followed_without_a_restart(app: App, keys: Systems) -> None:
    before = keys.account()
    keys.auth.rotate()
    after = keys.account()
    started = app.running.container.attrs["State"]["StartedAt"]
    with app.api(before) as old, app.api(after) as new:
        assert new.get("/tasks").status_code == 200
        assert old.get("/tasks").status_code == 200
    app.running.container.reload()
    assert app.running.container.attrs["State"]["StartedAt"] == started


def test_unknown_key_ids_cause_one_fetch_in_a_cool_down(keys: Systems, ada: Account) -> None:
    environment = keys.environment(keys.postgres.create_database("cooldown"))
    environment["AUTH_JWKS_COOLDOWN_SECONDS"] = "60"
    shop = Workshop(ada, keys.auth.key())
    with keys.app(environment) as app, app.client() as client:
        with app.api(ada) as api:
            assert api.get("/tasks").status_code == 200
        before = keys.auth.jwks_requests()

        def status(number: int) -> int:
            headers = {"Authorization": f"Bearer {shop.sign(kid=f'unknown-{number}')}"}
            return client.get(f"/api/{ada.user.id}/tasks", headers=headers).status_code

        with ThreadPoolExecutor(16) as pool:
            # During the cool-down, an unknown key cannot be told from a new one.
            assert set(pool.map(status, range(100))) == {401, 503}
        assert keys.auth.jwks_requests() - before == 1


def test_a_token_for_the_mcp_resource_opens_mcp_alone(keys: Systems, ada: Account) -> None:
    environment = keys.environment(keys.postgres.create_database("resource"))
    environment["PUBLIC_URL"] = "https://Todo.example/base/"
    shop = Workshop(ada, keys.auth.key())
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with keys.app(environment) as app:

        def statuses(audience: object) -> tuple[int, int]:
            headers = {"Accept": "application/json, text/event-stream", "Host": "TODO.example"}
            with app.client(shop.sign({"aud": audience})) as client:
                mcp = client.post("/mcp", json=body, headers=headers)
                return mcp.status_code, client.get(f"/api/{ada.user.id}/tasks").status_code

        with app.client() as client:
            named = client.get("/.well-known/oauth-protected-resource/mcp").json()["resource"]
        assert named == "https://todo.example/base/mcp"
        assert statuses(named) == (200, 401)
        assert statuses([named, PUBLIC_URL]) == (200, 200)
        assert statuses(PUBLIC_URL) == (200, 200)
        assert statuses("https://other.example/mcp") == (401, 401)


@pytest.mark.parametrize("mode", ["down", "hang", "garbage"])
def test_known_keys_serve_while_the_jwks_address_fails(keys: Systems, ada: Account, mode: str) -> None:
    environment = keys.environment(keys.postgres.create_database(f"stale_{mode}"))
    environment |= {"AUTH_JWKS_FRESH_SECONDS": "1", "AUTH_JWKS_TIMEOUT_SECONDS": "30"}
    with keys.app(environment) as app, app.api(ada) as api:
        assert api.get("/tasks").status_code == 200
        keys.auth.jwks(mode)
        time.sleep(1.2)
        for _ in range(5):
            began = time.monotonic()
            assert api.get("/tasks").status_code == 200
            # The application must not wait for the silent key server: that would take 30 s.
            assert time.monotonic() - began < 10


def test_stale_keys_serve_for_a_bounded_time_and_recover(keys: Systems, ada: Account) -> None:
    environment = keys.environment(keys.postgres.create_database("too_stale"))
    environment |= {"AUTH_JWKS_FRESH_SECONDS": "1", "AUTH_JWKS_STALE_SECONDS": "1"}
    with keys.app(environment) as app, app.api(ada) as api:
        assert api.get("/tasks").status_code == 200
        keys.auth.jwks("down")
        time.sleep(2.5)
        refused = api.get("/tasks")
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        keys.auth.jwks("up")
        time.sleep(1.2)
        assert api.get("/tasks").status_code == 200


def test_a_silent_jwks_address_holds_up_nobody_else(keys: Systems, ada: Account) -> None:
    environment = keys.environment(keys.postgres.create_database("hanging"))
    environment["AUTH_JWKS_TIMEOUT_SECONDS"] = "10"
    keys.auth.jwks("hang")
    with (
        keys.app(environment) as app,
        app.api(ada) as api,
        app.client() as client,
        ThreadPoolExecutor(8) as pool,
    ):
        waiting = [pool.submit(api.get, "/tasks") for _ in range(8)]
        for _ in range(10):
            began = time.monotonic()
            assert client.get("/livez").status_code == 200
            assert time.monotonic() - began < 4  # a blocked event loop would take ten
        assert {answer.result().status_code for answer in waiting} == {503}


@pytest.mark.parametrize("path", ["/api/{id}/tasks", "/mcp"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_tokens_are_answered_401(
    app: App, neighbourhood: Systems, keeper: Account, forgery: str, path: str
) -> None:
    token = FORGERIES[forgery](Workshop(keeper, neighbourhood.auth.key()))
    with app.client(token) as client:
        answer = client.post(path.format(id=keeper.user.id), json={"title": "x"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert token not in answer.text


def test_the_forgers_workshop_makes_good_tokens_too(
    app: App, neighbourhood: Systems, keeper: Account
) -> None:
    """Prove that the forgeries above are refused for their one flaw, not for an error of the workshop."""
    token = Workshop(keeper, neighbourhood.auth.key()).sign()
    with app.client(token) as client:
        assert client.get(f"/api/{keeper.user.id}/tasks").status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YWRhOmFkYQ==", "Token {token}"])
def test_without_a_bearer_token_the_answer_is_401(app: App, keeper: Account, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.format(token=keeper.token)}
    with app.client() as client:
        answer = client.get(f"/api/{keeper.user.id}/tasks", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.fixture(scope="module")
def keeper(neighbourhood: Systems) -> Account:
    """The account that forged tokens target."""
    return neighbourhood.account()
