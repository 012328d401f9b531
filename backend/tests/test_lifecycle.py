"""The end of the process: readiness first, then running work, then the rest."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from tests.conftest import MakeSettings, bearer
from tests.fakes import Model, Say
from todo_api.settings import Settings

# Each server is a process of its own, forked from one that has imported everything: these tests need not wait
# for imports.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    ["uvicorn", "todo_api.main", "todo_api.mcp_server.tools", "todo_api.chat.agent", "todo_api.db.migrate"]
)


def serve(log: Path, environ: dict[str, str], options: dict[str, Any]) -> None:
    """Become the server: set its environment and log, then run uvicorn until told to end."""
    os.environ.update(environ)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdin = None  # uvicorn would pass its number on to workers that have not inherited it
    uvicorn.run("todo_api.main:create_app", factory=True, timeout_graceful_shutdown=10, **options)


@contextmanager
def process(settings: Settings, **environ: str) -> Iterator[tuple[BaseProcess, str]]:
    """Run the server as a process of its own and wait until it is ready."""
    workers = int(environ.get("WEB_CONCURRENCY", 1))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    log = settings.data_dir / "log"
    environ |= {"DATA_DIR": str(settings.data_dir), "RATE_LIMIT_PER_MINUTE": "0"}
    server = FORKSERVER.Process(target=serve, args=(log, environ, {"port": port, "workers": workers}))
    server.start()
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while readiness(url) != 200:
            assert server.is_alive(), log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield server, url
    finally:
        server.kill()
        server.join()


def wait_for_end(server: BaseProcess) -> None:
    """Wait until the server has ended by itself."""
    server.join(20)
    assert server.exitcode is not None, "the server did not end"


def wait_for_readiness(url: str, status: int | None) -> None:
    """Wait for a status of readiness; None means a refused connection."""
    deadline = time.monotonic() + 20
    while readiness(url) != status:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def readiness(url: str) -> int | None:
    try:
        return httpx2.get(f"{url}/readyz", timeout=5).status_code
    except httpx2.TransportError:
        return None


def test_readiness_turns_503_before_connections_are_refused(make_settings: MakeSettings) -> None:
    with process(make_settings(), SHUTDOWN_DRAIN_SECONDS="60") as (server, url):
        server.terminate()
        wait_for_readiness(url, 503)
        assert httpx2.get(f"{url}/readyz").json()["status"] == "draining"
        assert httpx2.get(f"{url}/livez").status_code == 200


def test_second_sigterm_ends_the_drain(make_settings: MakeSettings) -> None:
    with process(make_settings(), SHUTDOWN_DRAIN_SECONDS="60") as (server, url):
        server.terminate()
        wait_for_readiness(url, 503)
        server.terminate()
        wait_for_end(server)


def test_no_acknowledged_create_is_lost_at_shutdown(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ada = bearer(settings, "ada")
    with process(settings, SHUTDOWN_DRAIN_SECONDS="0.2") as (server, url):
        begun, stop = threading.Event(), threading.Event()

        def create(worker: int) -> list[int]:
            made: list[int] = []
            with httpx2.Client(base_url=url, headers=ada, timeout=10) as client:
                while not stop.is_set():
                    try:
                        answer = client.post("/api/ada/tasks", json={"title": f"by {worker}"})
                    except httpx2.TransportError:
                        return made
                    if answer.status_code == 201:
                        made.append(answer.json()["id"])
                        begun.set()
            return made

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(create, number) for number in range(4)]
            assert begun.wait(20)
            time.sleep(0.5)
            server.terminate()
            wait_for_end(server)
            stop.set()
            acknowledged = {number for worker in workers for number in worker.result()}
    with closing(sqlite3.connect(settings.data_dir / "todo.db")) as database:
        stored = {row[0] for row in database.execute("SELECT id FROM tasks")}
    assert acknowledged
    assert acknowledged <= stored


def test_stream_under_way_ends_within_the_grace_period(make_settings: MakeSettings, model: Model) -> None:
    settings = make_settings()
    begun, resume = threading.Event(), threading.Event()

    def wait(index: int) -> None:
        if index == 1:
            begun.set()
            resume.wait(10)

    model.steps = [Say(["Good", "bye"], before_piece=wait)]
    environ = {
        "OPENAI_API_KEY": "sk-test-0123456789",
        "OPENAI_BASE_URL": model.url,
        "SHUTDOWN_DRAIN_SECONDS": "0",
    }
    with process(settings, **environ) as (server, url):
        with httpx2.stream(
            "POST",
            f"{url}/api/ada/chat/stream",
            json={"message": "Bye"},
            headers=bearer(settings, "ada"),
            timeout=20,
        ) as answer:
            text = ""
            for piece in answer.iter_text():
                text += piece
                if begun.is_set() and not resume.is_set():
                    server.terminate()
                    wait_for_readiness(url, None)
                    resume.set()
        assert "event: done" in text
        wait_for_end(server)


def test_turn_without_a_client_ends_with_what_it_has(make_settings: MakeSettings, model: Model) -> None:
    settings = make_settings()
    never = threading.Event()
    model.steps = [Say(["Half", "never"], before_piece=lambda index: index and never.wait(30))]
    environ = {
        "OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model.url, "SHUTDOWN_DRAIN_SECONDS": "0",
        "CHAT_SHUTDOWN_SECONDS": "0.2",
    }  # fmt: skip
    with process(settings, **environ) as (server, url):
        with httpx2.stream(
            "POST",
            f"{url}/api/ada/chat/stream",
            json={"message": "Hi"},
            headers=bearer(settings, "ada"),
            timeout=20,
        ) as answer:
            for line in answer.iter_lines():
                if "Half" in line:
                    break
        server.terminate()
        wait_for_end(server)
        never.set()
    with closing(sqlite3.connect(settings.data_dir / "todo.db")) as database:
        assert database.execute("SELECT role, content FROM messages").fetchall() == [
            ("user", "Hi"),
            ("assistant", "Half"),
        ]


def test_metrics_of_all_workers_are_added_up(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ada = bearer(settings, "ada")
    with process(settings, WEB_CONCURRENCY="2", SHUTDOWN_DRAIN_SECONDS="0") as (server, url):
        for _ in range(40):
            # A new connection each time, so that both workers get some.
            assert httpx2.get(f"{url}/api/ada/tasks", headers=ada).status_code == 200
        counted = {
            float(re.search(r'http_requests_total\{.*tasks",status="200"\} (\S+)', text)[1])  # type: ignore[index]
            for text in (httpx2.get(f"{url}/metrics").text for _ in range(10))
        }
        assert counted == {40.0}
        server.terminate()
        wait_for_end(server)


def test_log_of_a_whole_run_is_json_without_tokens(make_settings: MakeSettings) -> None:
    settings = make_settings()
    ada = bearer(settings, "ada")
    with process(settings, SHUTDOWN_DRAIN_SECONDS="0", OPENAI_API_KEY="sk-hunter2hunter2") as (server, url):
        httpx2.get(f"{url}/api/ada/tasks", headers=ada)
        httpx2.post(f"{url}/mcp", headers=ada, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        server.terminate()
        wait_for_end(server)
    text = (settings.data_dir / "log").read_text()
    assert "hunter2" not in text
    assert ada["Authorization"].removeprefix("Bearer ") not in text
    # uvicorn's first line precedes the application's setup of the logs.
    entries = [json.loads(line) for line in text.splitlines() if not line.startswith("INFO:")]
    assert {"started", "request", "stopped"} <= {entry["message"] for entry in entries}
