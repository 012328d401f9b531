"""Logs: one object a line, without any secret."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import MakeSettings, bearer
from todo_api.logs import JsonFormatter, Redactor, TextFormatter, configure_logging
from todo_api.main import create_app
from todo_api.settings import Settings

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_request_is_logged_once_with_its_id_and_without_its_query(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    settings = make_settings()
    with TestClient(create_app(settings)) as client:
        client.get(
            "/api/ada/tasks?search=private", headers={**bearer(settings, "ada"), "X-Request-ID": "r-1"}
        )
    lines = [line for line in logged(capsys) if line["message"] == "request"]
    assert len(lines) == 1
    assert (
        lines[0] | {"request_id": "r-1", "status": 200, "path": "/api/ada/tasks", "method": "GET"} == lines[0]
    )
    assert "private" not in json.dumps(lines)


def test_probes_are_logged_only_at_debug(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    with TestClient(create_app(make_settings())) as client:
        client.get("/livez")
    assert not [line for line in logged(capsys) if line["message"] == "request"]


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {JWT}",
        f"token={JWT}",
        "authorization: bearer opaque-token-opaque-token",
        "postgresql://todo:opaque-token@db/todo",
        "postgresql+psycopg://todo:opaque-token@db/todo",
        "key sk-opaque-token-1234",
        "the key is configured-opaque-token here",
        'connection to "configured-opaque-token" failed',
    ],
)
def test_secret_is_masked_wherever_it_stands(text: str) -> None:
    masked = Redactor(("configured-opaque-token",))(text)
    assert "opaque-token" not in masked
    assert JWT not in masked
    assert "[redacted]" in masked


@pytest.mark.parametrize(
    "text", ["http://db.example.com:5432/path", "a bear market", "eyJ", "user ada asked"]
)
def test_harmless_text_stays(text: str) -> None:
    assert Redactor(("hunter2",))(text) == text


def test_secret_in_a_traceback_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(database_url="postgresql://todo:hunter2hunter2@db/todo", log_format="json"))
    try:
        raise ValueError(f"hunter2hunter2 {JWT}")
    except ValueError:
        logging.getLogger("anything").exception("failed", extra={"password": "hunter2hunter2"})
    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert JWT not in text
    assert "ValueError" in json.loads(text)["exception"]


def test_warning_of_python_is_a_line_like_all_others_without_secrets() -> None:
    # In a process of its own: pytest captures warnings itself.
    script = f"""
import warnings
from todo_api.logs import configure_logging
from todo_api.settings import Settings
configure_logging(Settings(log_format="json"))
warnings.warn("coroutine was never awaited: {JWT}", RuntimeWarning)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    line = json.loads(done.stderr)
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings")
    assert "RuntimeWarning: coroutine was never awaited" in line["message"]
    assert JWT not in done.stderr


def test_no_token_or_secret_is_logged_by_any_request(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    settings = make_settings(openai_api_key="sk-hunter2hunter2", log_level="DEBUG")
    headers = bearer(settings, "ada")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        client.get("/api/ada/tasks", headers=headers)
        client.get(f"/api/ada/tasks?token={headers['Authorization']}")
        client.get("/api/ada/tasks", headers={"Authorization": headers["Authorization"] + "x"})
        client.post("/api/ada/tasks", json={"title": 1}, headers=headers)
        client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
    text = capsys.readouterr().err
    assert "request" in text
    assert headers["Authorization"].removeprefix("Bearer ") not in text
    assert "hunter2" not in text


def test_password_is_masked_as_written_and_as_meant() -> None:
    settings = Settings(database_url="postgresql://todo:hunter%402@db/todo")
    redact = Redactor(settings.secrets)
    assert "hunter" not in redact("password is hunter@2, or hunter%402")


HOSTILE = "a\r\n12:00:00 INFO    todo_api  forged\x1b[2K\x85\u2028\ud800"


def lines_of(formatter: logging.Formatter, message: str, **extra: object) -> list[str]:
    record = logging.LogRecord("todo_api", logging.INFO, "f.py", 1, "%s", (message,), None)
    record.__dict__ |= extra
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        record.exc_info = sys.exc_info()
    return formatter.format(record).splitlines()


def test_no_control_character_begins_a_line_or_reaches_a_terminal() -> None:
    plain = lines_of(TextFormatter(Redactor()), HOSTILE, path=HOSTILE)
    assert all(line.startswith("    ") for line in plain[1:])
    (entry,) = lines_of(JsonFormatter(Redactor()), HOSTILE, path=HOSTILE)
    assert json.loads(entry)["path"] == HOSTILE
    for line in (*plain, entry):
        assert line.encode().decode().isprintable()


def test_value_with_blanks_is_no_further_value() -> None:
    assert lines_of(TextFormatter(Redactor()), "m", path="/a status=200")[0].endswith('path="/a status=200"')


def test_path_of_a_request_forges_no_line(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    with TestClient(create_app(make_settings(log_format="text"))) as client:
        client.get("/x%0A12:00:00%20INFO%20%20%20%20todo_api%20%20forged%1B%5B2K")
    written = capsys.readouterr().err
    assert "forged" in written
    assert not [line for line in written.splitlines() if "forged" in line and "todo_api.requests" not in line]
    assert "\x1b" not in written


def test_terminal_gets_plain_text() -> None:
    record = logging.LogRecord("todo_api", logging.INFO, "f.py", 1, "served %s", ("ada",), None)
    record.status = 200
    line = TextFormatter(Redactor()).format(record)
    assert line.endswith("INFO    todo_api  served ada status=200")
