"""The detector's small readers: command lines, versions, wheels, requirements, ignore patterns."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.detect.commands import Launch, number, read_command
from drydock.detect.dockerfiles import read_dockerfile
from drydock.detect.python import allows, fits, specifier
from drydock.detect.requirements import read_requirements
from drydock.detect.settings import kind_of
from drydock.detect.tree import Tree, parse_yaml
from drydock.project.ignore import excluded, patterns, translate
from tests.detect.support import write


@pytest.mark.parametrize(
    ("command", "launch"),
    [
        ("uvicorn app.main:app --port 80", Launch("target", "app.main:app", "uvicorn", port=80)),
        ("exec /venv/bin/uvicorn --factory a:make", Launch("target", "a:make", "uvicorn", factory=True)),
        ("uvicorn 'a:make()'", Launch("target", "a:make", "uvicorn", factory=True)),
        ("uvicorn main:app --app-dir src", Launch("target", "main:app", "uvicorn", app_dir="src")),
        (
            "gunicorn -k uvicorn.workers.UvicornWorker -b :8080 a.b:c",
            Launch("target", "a.b:c", "gunicorn", port=8080),
        ),
        ("poetry run python -m uvicorn a:app", Launch("target", "a:app", "uvicorn")),
        (
            "alembic upgrade head && uvicorn a:app --port ${PORT:-9000}",
            Launch("target", "a:app", "uvicorn", port=9000),
        ),
        ("sh -c 'sleep 1; uvicorn a:app'", Launch("target", "a:app", "uvicorn")),
        ("fastapi run app/main.py --port 80", Launch("fastapi", "app/main.py", "uvicorn", port=80)),
        ("uv run fastapi run --workers 4", Launch("fastapi", "", "uvicorn")),
        ("python -u main.py", Launch("file", "main.py")),
        ("python3.13 -m shop", Launch("module", "shop")),
        ("./start.sh", Launch("script", "./start.sh")),
    ],
)
def test_command_is_read_as_launch(command: str, launch: Launch) -> None:
    assert [replace(one, options=()) for one in read_command(command)] == [launch]


@pytest.mark.parametrize(
    "command", ["celery -A app worker", "python manage.py && echo 'open", "uvicorn --help", ""]
)
def test_other_commands_start_no_application(command: str) -> None:
    assert [launch for launch in read_command(command) if launch.kind == "target"] == []


@pytest.mark.parametrize(
    ("text", "port"), [("80", 80), ("$PORT", None), ("${PORT:-81}", 81), ("70000", None), ("٣", None)]
)
def test_number_is_a_port_or_nothing(text: str, port: int | None) -> None:
    assert number(text) == port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("^3.11", "<4,>=3.11"),
        ("~3.11", "==3.11.*"),
        ("3.11", "==3.11.*"),
        ("3.11.7", "==3.11.7"),
        (">=3.9,<3.13", "<3.13,>=3.9"),
        (">=3.9 <3.13", "<3.13,>=3.9"),
        ("*", ""),
        ("nonsense", ""),
    ],
)
def test_specifier_reads_poetry_and_pep_440(text: str, expected: str) -> None:
    assert specifier(text) == expected


@pytest.mark.parametrize(
    ("text", "version", "allowed"),
    [
        ("==3.11.7", "3.11", True),
        ("==3.11.7", "3.12", False),
        (">=3.9.1", "3.9", True),
        ("<3.13", "3.13", False),
        ("!=3.12.*", "3.12", False),
        ("<3.13.5", "3.13", True),
    ],
)
def test_range_allows_a_series_when_a_release_of_it_fits(text: str, version: str, allowed: bool) -> None:
    assert allows(text, version) is allowed


@pytest.mark.parametrize(
    ("wheel", "fitting"),
    [
        ("fastapi-0.1-py3-none-any.whl", True),
        ("six-1.0-py2.py3-none-any.whl", True),
        ("x-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("x-1.0-cp38-abi3-manylinux_2_28_x86_64.whl", True),
        ("ruff-1.0-py3-none-manylinux_2_17_x86_64.whl", True),
        ("x-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", False),
        ("x-1.0-cp314-abi3-manylinux_2_17_x86_64.whl", False),
        ("x-1.0-cp313-cp313t-manylinux_2_17_x86_64.whl", False),
        ("x-1.0-cp313-cp313-musllinux_1_1_x86_64.whl", False),
        ("x-1.0-cp313-cp313-manylinux_2_17_aarch64.whl", False),
        ("x-1.0-cp313-cp313-win_amd64.whl", False),
        ("x-1.0-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl", False),
        ("no wheel", False),
    ],
)
def test_wheel_fits_python_3_13_on_linux(wheel: str, fitting: bool) -> None:
    assert fits(wheel, "3.13") is fitting


def test_requirements_follow_includes_but_not_constraints(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requirements.txt": (
                "-r base/common.txt\n-c limits.txt\n"
                "uvicorn[standard]>=0.30 ; python_version > '3.8'  # server\n"
            ),
            "base/common.txt": "fastapi==0.115.6 \\\n    --hash=sha256:00\ngit+https://host.invalid/a/tool.git#egg=my_tool\n",
            "limits.txt": "starlette==0.41.3\n",
        },
    )

    read = read_requirements(Tree(tmp_path), "requirements.txt")

    assert {w.name: (w.pinned, w.repository) for w in read.wanted} == {
        "fastapi": (True, False),
        "my-tool": (False, True),
        "uvicorn": (False, False),
    }
    assert (read.hashed, read.itself, sorted(read.files)) == (
        True,
        False,
        ["base/common.txt", "limits.txt", "requirements.txt"],
    )


def test_dockerfile_tells_last_stage_and_where_it_copies_from(tmp_path: Path) -> None:
    write(tmp_path, {"src/app/main.py": ""})
    text = (
        "ARG VERSION=3.12\nFROM python:${VERSION}-slim AS base\nWORKDIR /code\n\n"
        "FROM base AS build\nRUN apt-get update && \\\n"
        "  apt-get install -y gcc\n\nFROM base\nCOPY --from=build /x /x\n"
        "COPY ./src/app /code/app\nEXPOSE 8080/tcp\n"
        'CMD ["uvicorn", "app.main:app"]\n'
    )

    read = read_dockerfile(Tree(tmp_path), "Dockerfile", text)

    assert read.bases == ["python:3.12-slim", "base", "base"]
    assert (read.workdir, read.copies, read.ports) == ("/code", [("src/app", "/code/app")], [(8080, 12)])
    assert read.commands == [("uvicorn app.main:app", 13, "CMD")]
    assert read.folders(Tree(tmp_path), "/code") == ("src",)
    assert read.packages == []


def test_unknown_yaml_tags_are_read_as_nothing() -> None:
    assert parse_yaml("services:\n  web: {ports: !reset []}\n") == {"services": {"web": {"ports": None}}}


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("static", "static/a/b.css", "app/static/b.css"),
        ("**/*.py[co]", "a/b/c.pyc", "a/b/c.py"),
        ("*.md", "README.md", "docs/x.md"),
        ("/build/", "build/x", "rebuild/x"),
        ("**/node_modules", "a/node_modules/b", "a/node_module"),
        ("a?c", "abc", "a/c"),
    ],
)
def test_ignore_pattern_means_what_docker_means(pattern: str, matching: str, other: str) -> None:
    assert re.fullmatch(translate(pattern), matching)
    assert not re.fullmatch(translate(pattern), other)


def test_every_line_of_long_ignore_rules_counts() -> None:
    lines = [*(f"folder{number}" for number in range(1000)), "!folder7"]

    left = excluded(patterns("\n".join(lines)), ["folder7", "folder999"])

    assert left == {"folder999"}


def test_ignore_pattern_with_many_stars_is_not_tried() -> None:
    assert translate("*a*b*c*d*") == ""


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "DATABASE_URL",
        "POSTGRES_PASSWORD",
        "SENTRY_DSN",
        "OPENAI_API_KEY",
        "JWT_SECRET",
        "SQLALCHEMY_DATABASE_URI",
        "MONGODB_URI",
        "REDIS_URL",
        "GITHUB_TOKEN",
        "DB_PASS",
    ],
)
def test_name_looks_secret(name: str) -> None:
    assert kind_of(name) == "secret"


@pytest.mark.parametrize(
    "name",
    [
        "LOG_LEVEL",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "IS_ALLOWED_CREDENTIALS",
        "DATABASE_HOST",
        "TOKEN_URL",
        "JWT_ALGORITHM",
        "PASSWORD_MIN_LENGTH",
        "BYPASS",
        "API_V1_STR",
        "COMPASS_HOST",
    ],
)
def test_name_looks_plain(name: str) -> None:
    assert kind_of(name) == "plain"
