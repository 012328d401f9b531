"""The container's start and end: settings that it refuses, and the cost of a SIGTERM."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import docker
import httpx2
import pytest

from tests.support.mcp_clients import TYPESCRIPT, connected
from tests.support.model import Says
from tests.support.systems import Account, App, Systems

EX_CONFIG = 78


# --- the beginning ------------------------------------------------------------------------------------------


def test_start_up_lists_every_wrong_setting_at_once_and_exits_78(neighbourhood: Systems) -> None:
    wrong = {
        "ENVIRONMENT": "production",
        "BETTER_AUTH_JWKS_URL": "auth.default.svc/jwks",
        "CHAT_MAX_TURNS": "many",
        "CORS_CREDENTIALS": "true",
        "CORS_ORIGINS": "*",
        "LOG_LEVEL": "LOUD",
        "OPENAI_BASE_URL": "model.default.svc",
        "OPENAI_API_KEY_FILE": "/run/secrets/absent",
        "PORT": "http",
        "TLS_CERT_FILE": "/run/secrets/tls.crt",
    }
    code, log = neighbourhood.run_to_end(wrong)
    assert code == EX_CONFIG
    named = {line.removeprefix("error: ").partition(":")[0] for line in log.splitlines()}
    expected = wrong.keys() - {"ENVIRONMENT", "CORS_CREDENTIALS"} | {"DATABASE_URL", "TLS_KEY_FILE"}
    assert named >= expected
    assert all(";" in line for line in log.splitlines() if line.startswith("error: "))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:////tmp/todo.db"}, "DATABASE_URL"),
        ({"BETTER_AUTH_ISSUER": "", "BETTER_AUTH_JWKS_URL": ""}, "BETTER_AUTH_URL"),
        ({"CORS_ORIGINS": "*", "CORS_CREDENTIALS": "true"}, "CORS_ORIGINS"),
        ({"AUTH_ALGORITHMS": "EdDSA,HS256"}, "AUTH_ALGORITHMS"),
        ({"AUTH_ALGORITHMS": "none"}, "AUTH_ALGORITHMS"),
    ],
    ids=[
        "no database",
        "SQLite",
        "no authentication",
        "wildcard CORS",
        "symmetric algorithm",
        "algorithm none",
    ],
)
def test_production_refuses_what_is_unsafe(
    neighbourhood: Systems, changes: dict[str, str], named: str
) -> None:
    environment = neighbourhood.environment("nowhere") | changes
    code, log = neighbourhood.run_to_end(environment, "check")
    assert code == EX_CONFIG
    assert f"error: {named}: " in log


def test_a_refused_setting_does_not_show_its_secret(neighbourhood: Systems) -> None:
    environment = neighbourhood.environment("nowhere")
    environment["DATABASE_URL"] = environment["DATABASE_URL"].replace("postgresql://", "mysql://")
    code, log = neighbourhood.run_to_end(environment, "check")
    assert code == EX_CONFIG
    assert "DATABASE_URL" in log
    assert neighbourhood.postgres.role.password not in log


def test_a_container_without_a_writable_folder_says_so_in_one_line(neighbourhood: Systems) -> None:
    containers = neighbourhood.engine.sdk.containers
    with pytest.raises(docker.errors.ContainerError) as refused:
        containers.run(neighbourhood.image, ["check"], read_only=True, remove=True)
    assert refused.value.exit_status == EX_CONFIG
    assert refused.value.stderr == (
        b"error: DATA_DIR: '/tmp/todo-chatbot-api' cannot be written (Read-only file system); "
        b"mount a writable volume there or name another folder\n"
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_start_that_fails_ends_the_container_with_3(neighbourhood: Systems, workers: str) -> None:
    # A legal URL, so the check accepts it; but the file does not exist, and mode=ro creates none.
    url = "sqlite:///file:/nowhere/todo.db?mode=ro&uri=true"
    code, log = neighbourhood.run_to_end({"DATABASE_URL": url, "WEB_CONCURRENCY": workers})
    assert code == 3, log


def test_production_has_no_development_tokens(app: App, neighbourhood: Systems) -> None:
    code, output = app.run("python3", "-m", "todo_api", "dev-token", "--user", "ada")
    assert code != 0
    assert "production" in output
    with neighbourhood.app({}, hosts={}) as development:
        _, token = development.run("python3", "-m", "todo_api", "dev-token", "--user", "ada")
    with app.client(token.strip()) as client:
        assert client.get("/api/ada/tasks").status_code == 401


def test_the_agent_waits_for_the_first_user(neighbourhood: Systems, ada: Account) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("unused"))
    with neighbourhood.app(environment) as app, app.api(ada) as api, app.client() as probe:

        def wait_for(part: str) -> dict[str, str]:
            deadline = time.monotonic() + 60
            while (checks := probe.get("/readyz").json()["checks"])[part] != "ready":
                assert time.monotonic() < deadline, checks
                time.sleep(0.1)
            found: dict[str, str] = checks
            return found

        # Other background loading is over.
        assert wait_for("mcp")["agent"] == "on-demand"
        assert probe.get(f"/api/{ada.user.id}/tasks").status_code == 401
        assert wait_for("mcp")["agent"] == "on-demand"
        assert api.get("/tasks").status_code == 200
        wait_for("agent")


# --- the end ------------------------------------------------------------------------------------------------


def test_after_sigterm_readiness_turns_503_first_and_open_streams_end_well(
    neighbourhood: Systems, ada: Account
) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("sigterm"))
    environment["SHUTDOWN_DRAIN_SECONDS"] = "2"
    neighbourhood.model.will(then=Says("one two three four five six", pause=0.5))
    with (
        neighbourhood.app(environment) as app,
        app.api(ada) as api,
        app.client() as probe,
        ThreadPoolExecutor(1) as pool,
    ):
        stream = pool.submit(api.post, "/chat/stream", json={"message": "Count"})
        _until(lambda: bool(neighbourhood.model.requests))
        app.running.container.kill("SIGTERM")
        _until(lambda: probe.get("/readyz").status_code == 503)
        assert probe.get("/readyz").json()["status"] == "draining"
        # Load balancers notice with a delay; their late requests are served.
        assert probe.get("/livez").status_code == 200
        assert api.post("/tasks", json={"title": "Just in time"}).status_code == 201
        events = stream.result().text
        assert "event: done" in events
        assert "one two three four five six" in events
        assert app.running.container.wait(timeout=20)["StatusCode"] == 0


def test_connected_mcp_clients_do_not_hold_up_the_end(neighbourhood: Systems, ada: Account) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("connected"))
    with neighbourhood.app(environment) as app, ExitStack() as clients:
        for package in TYPESCRIPT:
            clients.enter_context(connected(package, f"{app.url}/mcp", ada.token))
        began = time.monotonic()
        code, _ = app.running.stop()
        # An open stream would take the whole grace period of 25 s.
        assert time.monotonic() - began < 10
        assert code == 0


def test_a_stream_longer_than_the_grace_period_is_cancelled_and_what_it_said_is_stored(
    neighbourhood: Systems, ada: Account
) -> None:
    database = neighbourhood.postgres.create_database("cancelled")
    environment = neighbourhood.environment(database)
    environment |= {
        "SHUTDOWN_DRAIN_SECONDS": "0",
        "CHAT_SHUTDOWN_SECONDS": "1",
        "GRACEFUL_TIMEOUT": "2",
    }
    neighbourhood.model.will(then=Says("tick " * 300, pause=0.2))
    with (
        neighbourhood.app(environment) as app,
        app.api(ada, seconds=60) as api,
        ThreadPoolExecutor(1) as pool,
    ):
        stream = pool.submit(_read_until_the_end, api)
        _until(lambda: bool(neighbourhood.model.requests))
        time.sleep(1)
        code, _ = app.running.stop(seconds=15)
        assert code == 0, "killed after 15 s, so the grace period was not kept"
        assert "tick" in stream.result()
    stored = neighbourhood.postgres.run("SELECT role, content FROM messages ORDER BY id", database=database)
    assert [role for role, _ in stored] == ["user", "assistant"]
    assert stored[1][1].startswith("tick tick")


def test_no_request_that_was_answered_2xx_is_lost_at_sigterm(neighbourhood: Systems, ada: Account) -> None:
    database = neighbourhood.postgres.create_database("ending")
    with neighbourhood.app(neighbourhood.environment(database)) as app, app.api(ada) as api:
        answered: list[int] = []
        failed: list[int] = []
        over = threading.Event()
        numbers = itertools.count()

        def work() -> None:
            while not over.is_set():
                try:
                    answer = api.post("/tasks", json={"title": f"write {next(numbers)}"})
                except httpx2.HTTPError:
                    return  # the listener is gone: the task was not acknowledged
                (answered if answer.status_code == 201 else failed).append(
                    answer.json()["id"] if answer.status_code == 201 else answer.status_code
                )

        with ThreadPoolExecutor(8) as pool:
            workers: list[Future[None]] = [pool.submit(work) for _ in range(8)]
            _until(lambda: len(answered) > 20)
            code, _ = app.running.stop()
            over.set()
            for worker in workers:
                worker.result()
    rows = neighbourhood.postgres.run("SELECT id FROM tasks", database=database)
    assert code == 0
    assert set(answered) <= {number for (number,) in rows}
    assert set(failed) <= {503}


def _read_until_the_end(api: httpx2.Client) -> str:
    text = ""
    try:
        with api.stream("POST", "/chat/stream", json={"message": "Go on"}) as answer:
            for piece in answer.iter_text():
                text += piece
    except httpx2.HTTPError:
        pass  # cut off at the end of the grace period, as intended
    return text


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
