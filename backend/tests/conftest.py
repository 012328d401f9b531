"""Shared fixtures: settings that touch nothing outside their folder, clients, an issuer, a model."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.fakes import Issuer, Model
from todo_api.auth.development import make_token
from todo_api.db.migrate import upgrade
from todo_api.main import create_app
from todo_api.settings import Settings

type MakeSettings = Callable[..., Settings]


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> Iterator[None]:
    """Hide settings of the machine from the tests."""
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in list(os.environ):
            if name.removesuffix("_FILE") in known or name.startswith("OTEL_"):
                monkeypatch.delenv(name)
        yield


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the newest schema."""
    folder = tmp_path_factory.mktemp("schema")
    upgrade(Settings(data_dir=folder))
    return folder / "todo.db"


@pytest.fixture
def make_settings(tmp_path: Path, migrated_file: Path) -> MakeSettings:
    """Make settings over a fresh, migrated SQLite file."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(migrated_file, data / "todo.db")

    def make(**changes: Any) -> Settings:
        return Settings(
            **{"data_dir": data, "drain_seconds": 0, "rate_limit": 0, "chat_rate_limit": 0, **changes}
        )

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings with development tokens."""
    return make_settings()


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The application."""
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the running application, without a token."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def bearer(settings: Settings, user: str) -> dict[str, str]:
    """Return the header that makes a request the user's."""
    return {"Authorization": f"Bearer {make_token(settings, user)}"}


@pytest.fixture
def ada(settings: Settings) -> dict[str, str]:
    """Headers of the user ada."""
    return bearer(settings, "ada")


@pytest.fixture
def bob(settings: Settings) -> dict[str, str]:
    """Headers of the user bob."""
    return bearer(settings, "bob")


@pytest.fixture(scope="session")
def reader(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client, as ada, of one application for all tests that store nothing."""
    data = tmp_path_factory.mktemp("reader")
    shutil.copy(migrated_file, data / "todo.db")
    settings = Settings(data_dir=data, drain_seconds=0, rate_limit=0)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        client.headers.update(bearer(settings, "ada"))
        yield client


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer whose keys are served."""
    with Issuer().serving() as issuer:
        yield issuer


@pytest.fixture
def model() -> Iterator[Model]:
    """A model's endpoint."""
    with Model().serving() as model:
        yield model


@pytest.fixture
def chat_settings(make_settings: MakeSettings, model: Model) -> Settings:
    """Settings whose chat asks the scripted model."""
    return make_settings(
        openai_api_key="sk-test-0123456789", openai_base_url=model.url, openai_max_retries=0, openai_timeout=5
    )


@pytest.fixture
def chat_client(chat_settings: Settings) -> Iterator[TestClient]:
    """A client whose chat asks the scripted model, as ada."""
    with TestClient(create_app(chat_settings), raise_server_exceptions=False) as client:
        client.headers.update(bearer(chat_settings, "ada"))
        yield client


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve an application with uvicorn on a loopback port, in a thread, and yield its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server died at its start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive(), "the server did not stop"
