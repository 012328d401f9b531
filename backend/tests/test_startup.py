"""The check of the settings, and the commands besides the server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.conftest import MakeSettings
from todo_api import __main__, startup
from todo_api.auth.development import make_token
from todo_api.db.urls import without_pooler
from todo_api.settings import (
    SecretFileError,
    Settings,
    get_settings,
    read_secret_files,
    secret_names,
)

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://todo:pw@db.example.com/todo?sslmode=require&channel_binding=require",
    "BETTER_AUTH_URL": "https://app.example.com",
}


def check(monkeypatch: pytest.MonkeyPatch, **environ: str) -> list[str]:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return startup.check()


def test_nothing_set_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch) == []


def test_complete_production_settings_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, **PRODUCTION) == []


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, DATABASE_URL="", DATABASE_POOL_SIZE="", OPENAI_API_KEY_FILE="") == []


def test_every_fault_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = check(
        monkeypatch,
        ENVIRONMENT="production",
        DATABASE_POOL_SIZE="many",
        LOG_LEVEL="LOUD",
        AUTH_ALGORITHMS="HS256,EdDSA",
        CORS_ORIGINS='["*"]',
        CORS_CREDENTIALS="true",
        OPENAI_API_KEY_FILE="/does/not/exist",
    )
    assert sorted(line.partition(":")[0] for line in lines) == [
        "AUTH_ALGORITHMS", "BETTER_AUTH_URL", "CORS_ORIGINS", "DATABASE_POOL_SIZE", "DATABASE_URL",
        "LOG_LEVEL", "OPENAI_API_KEY_FILE",
    ]  # fmt: skip
    assert all("; " in line and "\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"DATABASE_POOL_SIZE": "0"},
            "DATABASE_POOL_SIZE: '0' is refused (input should be greater than or equal to 1); "
            "set it to something like 5",
        ),
        (
            {"DATABASE_URL": "mysql://a:hunter2@b/c"},
            "DATABASE_URL: its scheme is neither postgresql nor sqlite; "
            "write postgresql://user:password@host/database",
        ),
        (
            {"DATABASE_URL": "postgresql:///todo"},
            "DATABASE_URL: it names no host; write postgresql://user:password@host/database",
        ),
        (
            {**PRODUCTION, "DATABASE_URL": "sqlite:////data/todo.db"},
            "DATABASE_URL: SQLite is refused with ENVIRONMENT=production; set it to the PostgreSQL URL",
        ),
        (
            {"BETTER_AUTH_JWKS_URL": "http://web:3000/api/auth/jwks"},
            "BETTER_AUTH_ISSUER: not set, though BETTER_AUTH_JWKS_URL is; set it or BETTER_AUTH_URL",
        ),
        (
            {"BETTER_AUTH_ISSUER": "https://app.example.com"},
            "BETTER_AUTH_JWKS_URL: not set, though BETTER_AUTH_ISSUER is; set it or BETTER_AUTH_URL",
        ),
        (
            {"CORS_ORIGINS": "https://app.example.com/"},
            "CORS_ORIGINS: 'https://app.example.com/' is not an origin; write it like https://app.example.com",
        ),
        (
            {"OPENAI_API_KEY": "SET-ME"},
            "OPENAI_API_KEY: its value is a placeholder; set the real one, or leave OPENAI_API_KEY out",
        ),
        (
            {"DATA_DIR": "/dev/null/todo"},
            "DATA_DIR: '/dev/null/todo' cannot be written (Not a directory); "
            "mount a writable volume there or name another folder",
        ),
        (
            {"DATABASE_URL": "sqlite:////dev/null/todo.db"},
            "DATABASE_URL: the folder '/dev/null' cannot be written (File exists); "
            "mount a writable volume there or name another file",
        ),
        (
            {"CORS_ORIGINS": "[oops"},
            "CORS_ORIGINS: '[oops' is refused (is not a JSON list); "
            "set it to something like https://app.example.com",
        ),
    ],
)
def test_fault_is_one_line_with_fact_and_remedy(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], line: str
) -> None:
    assert check(monkeypatch, **environ) == [line]


@pytest.mark.parametrize("text", ["change_me", "ChangeMe", "your-key", "<openai key>", "..."])
def test_placeholder_is_no_secret(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (line,) = check(monkeypatch, OPENAI_API_KEY=text)
    assert line.startswith("OPENAI_API_KEY: its value is a placeholder; ")


def test_placeholder_for_the_database_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = check(monkeypatch, **{**PRODUCTION, "DATABASE_URL": "SET-ME"})
    assert line.startswith("DATABASE_URL: ")


def test_production_with_one_worker_writes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, **PRODUCTION, DATA_DIR="/dev/null/todo") == []
    assert check(monkeypatch, WEB_CONCURRENCY="2")[0].startswith("DATA_DIR: ")


def test_refused_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = check(monkeypatch, DATABASE_URL="hunter2-is-no-url")
    assert len(lines) == 1
    assert "hunter2" not in lines[0]


def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-from-file\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(file))
    assert Settings().openai_api_key.get_secret_value() == "sk-from-file"  # type: ignore[union-attr]
    assert set(secret_names()) == {
        "DATABASE_URL", "DATABASE_DIRECT_URL", "METRICS_TOKEN", "OPENAI_API_KEY",
    }  # fmt: skip


def test_unusable_secret_files_are_faults(tmp_path: Path) -> None:
    empty, binary, good = tmp_path / "empty", tmp_path / "binary", tmp_path / "good"
    empty.write_text(" \n")
    binary.write_bytes(b"\xff\xfe")
    good.write_text("x")
    _, faults = read_secret_files({"OPENAI_API_KEY_FILE": str(empty), "DATABASE_URL_FILE": str(binary)})
    assert [fault.partition(":")[0] for fault in faults] == ["DATABASE_URL_FILE", "OPENAI_API_KEY_FILE"]
    _, faults = read_secret_files({"OPENAI_API_KEY": "a", "OPENAI_API_KEY_FILE": str(good)})
    assert faults == ["OPENAI_API_KEY: set together with OPENAI_API_KEY_FILE; keep one of the two"]
    _, faults = read_secret_files({"OPENAI_API_KEY_FILE": "\0"})
    assert len(faults) == 1


def test_service_does_not_start_over_an_unusable_secret_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "/does/not/exist")
    get_settings.cache_clear()
    with pytest.raises(SecretFileError, match="DATABASE_URL_FILE"):
        get_settings()


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(database_url="postgresql://u:hunter2@h/d", openai_api_key="sk-hunter2")
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError) as caught:
        Settings(openai_api_key=["sk-hunter2"])
    assert "hunter2" not in str(caught.value)


def test_every_setting_is_described_and_exemplified() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.examples, name
        assert str(field.validation_alias).isupper(), name


NEON = "postgresql://u:p%40ss-pooler@ep-cool-1-pooler.eu.provider.neon.tech/db?sslmode=require&channel_binding=require"


def test_neon_url_is_used_unchanged_and_migrations_go_to_the_direct_host() -> None:
    settings = Settings(database_url=NEON)
    assert settings.database_dsn == NEON.replace("postgresql:", "postgresql+psycopg:")
    assert settings.is_pooled
    assert settings.migration_dsn == settings.database_dsn.replace("1-pooler.", "1.")


@pytest.mark.parametrize(
    ("changes", "pooled", "direct"),
    [
        ({"database_url": "postgres://u@h/d"}, False, "postgresql+psycopg://u@h/d"),
        ({"database_url": "postgresql://u@h/d", "database_pooler": "on"}, True, "postgresql+psycopg://u@h/d"),
        ({"database_url": NEON, "database_pooler": "off"}, False, None),
        (
            {"database_url": NEON, "database_direct_url": "postgres://u@direct/d"},
            True,
            "postgresql+psycopg://u@direct/d",
        ),
        ({"database_url": "sqlite:////data/t.db"}, False, "sqlite+aiosqlite:////data/t.db"),
    ],
)
def test_pooler_and_direct_host_can_be_named(
    changes: dict[str, Any], pooled: bool, direct: str | None
) -> None:
    settings = Settings(**changes)
    assert settings.is_pooled is pooled
    assert settings.migration_dsn == (direct or without_pooler(settings.database_dsn))


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "todo_api", *arguments],
        env={**os.environ, **environ},
        cwd=Path(startup.__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_check_command_lists_faults_and_exits_78(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    assert __main__.main(["check"]) == 0
    monkeypatch.setenv("RATE_LIMIT_PER_MINUTE", "fast")
    assert __main__.main(["check"]) == 78
    assert capsys.readouterr().err.startswith("error: RATE_LIMIT_PER_MINUTE: 'fast' is refused")


def test_dev_token_command_prints_a_token_of_the_container(tmp_path: Path) -> None:
    done = run("dev-token", "--user", "ada", DATA_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
    refused = run("dev-token", **PRODUCTION)
    assert (refused.returncode, refused.stdout) == (78, "")
    assert refused.stderr == (
        "error: no development tokens here: ENVIRONMENT is production; sign in through Better Auth\n"
    )


def test_migrate_command_makes_the_schema(tmp_path: Path) -> None:
    done = run("migrate", DATA_DIR=str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "todo.db").exists()


def test_openapi_command_prints_the_document(tmp_path: Path) -> None:
    done = run("openapi", DATA_DIR=str(tmp_path))
    assert json.loads(done.stdout)["info"]["title"] == "Todo Chatbot API"


def test_mcp_over_stdio_needs_a_valid_token(make_settings: MakeSettings) -> None:
    data = str(make_settings().data_dir)
    assert run("serve-mcp-stdio", DATA_DIR=data).returncode == 64
    refused = run("serve-mcp-stdio", DATA_DIR=data, TODO_API_TOKEN="letmein")
    assert (refused.returncode, refused.stdout) == (64, "")
    assert "letmein" not in refused.stderr


def test_mcp_over_stdio_serves_the_user_of_the_token(make_settings: MakeSettings) -> None:
    import os

    settings = make_settings()
    messages = [
        {
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "add_task", "arguments": {"title": "From stdio"}},
        },
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "todo_api", "serve-mcp-stdio"],
        env={**os.environ, "DATA_DIR": str(settings.data_dir), "TODO_API_TOKEN": make_token(settings, "ada")},
        cwd=Path(startup.__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in messages:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(15) == 0
    assert answers[1]["result"]["structuredContent"] == {
        "task_id": 1, "status": "created", "title": "From stdio",
    }  # fmt: skip


def test_check_imports_neither_the_web_framework_nor_the_database() -> None:
    code = (
        "import sys; from todo_api import startup; startup.check(); "
        "print(sorted({'fastapi', 'sqlalchemy', 'mcp', 'agents', 'openai', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(startup.__file__).parent.parent, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
