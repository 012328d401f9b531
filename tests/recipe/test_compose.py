"""The compose file matches the settings, in compose's own format."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from drydock import recipe
from drydock.detect import Setting, detect
from drydock.recipe import backing, compose, dockerfile, written
from tests.conftest import ROOT
from tests.detect.support import write
from tests.support import packages
from tests.test_github import CHECK

MAIN = """\
import os

from fastapi import FastAPI

app = FastAPI()
SECRET = os.environ["SECRET_KEY"]
{settings}
"""
ALEMBIC: dict[str, str | bytes] = {
    "alembic.ini": "[alembic]\nscript_location = db\n",
    "db/env.py": "from alembic import context\n",
}


def rendered(
    folder: Path, settings: str, packages: str, files: dict[str, str | bytes] | None = None
) -> dict[str, str]:
    requirements = "".join(f"{name}\n" for name in ("fastapi", "uvicorn", *packages.split()))
    write(
        folder, {"main.py": MAIN.format(settings=settings), "requirements.txt": requirements, **(files or {})}
    )
    return compose.render(recipe.plan(detect(folder)))


def services(folder: Path, settings: str, packages: str) -> dict[str, Any]:
    [text] = rendered(folder, settings, packages).values()
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


@pytest.mark.parametrize(
    ("settings", "packages", "expected"),
    [
        ("", "", {}),
        ("URL = os.environ['DATABASE_URL']", "sqlalchemy asyncpg", {"postgres"}),
        ("URL = os.getenv('DATABASE_URL', 'sqlite:///./a.db')", "sqlalchemy", {}),
        ("URL = os.getenv('DATABASE_URL', 'mysql://localhost/a')", "pymysql", {"mariadb"}),
        ("HOST = os.environ['POSTGRES_SERVER']", "psycopg[binary]", {"postgres"}),
        ("URL = os.getenv('REDIS_URL', 'redis://localhost')", "redis", {"redis"}),
        (
            "A = os.environ['DATABASE_URL']\nB = os.environ['CELERY_BROKER_URL']",
            "psycopg2-binary celery",
            {"postgres", "redis"},
        ),
    ],
)
def test_services_are_those_that_the_settings_ask_for(
    settings: str, packages: str, expected: set[str], tmp_path: Path
) -> None:
    found = services(tmp_path, settings, packages)

    assert set(found) - {"api"} == set(expected)
    assert found["api"].get("depends_on", {}) == {name: {"condition": "service_healthy"} for name in expected}
    assert all("healthcheck" in one for name, one in found.items() if name != "api")


@pytest.mark.parametrize(
    ("packages", "scheme"),
    [
        ("sqlalchemy asyncpg", "postgresql+asyncpg"),
        ("sqlmodel psycopg[binary]", "postgresql+psycopg"),
        ("sqlalchemy psycopg2 asyncpg", "postgresql+asyncpg"),
        ("asyncpg", "postgresql"),
        ("tortoise-orm asyncpg", "postgres"),
    ],
)
def test_urls_name_the_driver_that_the_project_has(packages: str, scheme: str, tmp_path: Path) -> None:
    found = services(tmp_path, "URL = os.environ['DATABASE_URL']", packages)

    assert found["api"]["environment"]["DATABASE_URL"] == f"{scheme}://app:app@postgres:5432/app"


def test_parts_of_an_address_are_given_one_by_one(tmp_path: Path) -> None:
    names = ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME")
    settings = "\n".join(f"{name} = os.environ['{name}']" for name in names)
    found = services(tmp_path, settings, "asyncpg")["api"]["environment"]

    assert [found[name] for name in names] == ["postgres", "5432", "app", "app", "app"]
    assert found["SECRET_KEY"].startswith("${SECRET_KEY:-")


def test_the_braces_of_a_value_stay(tmp_path: Path) -> None:
    settings = (
        "from pydantic_settings import BaseSettings\n\n\n"
        "class Settings(BaseSettings):\n    headers: dict[str, str]\n\n\nsettings = Settings()\n"
    )
    found = services(tmp_path, settings, "pydantic-settings")
    assert found["api"]["environment"]["HEADERS"] == "${HEADERS:-{}}"


def test_the_migration_runs_once_between_database_and_application(tmp_path: Path) -> None:
    [text] = rendered(
        tmp_path, "URL = os.environ['DATABASE_URL']", "alembic sqlalchemy psycopg", ALEMBIC
    ).values()
    found = yaml.safe_load(text)["services"]

    assert found["migration"]["command"] == ["migrate"]
    assert found["migration"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert found["api"]["depends_on"]["migration"] == {"condition": "service_completed_successfully"}


def test_workers_are_services_and_commands_of_the_same_image(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Procfile": "web: uvicorn main:app\nworker: rq worker mails\ncheck: rq worker late\n"
    }
    [text] = rendered(tmp_path, "URL = os.environ['REDIS_URL']", "redis rq", files).values()
    found = yaml.safe_load(text)["services"]

    assert found["worker"]["command"] == ["worker"]
    assert found["worker"]["depends_on"] == {"redis": {"condition": "service_healthy"}}
    blueprint = recipe.plan(detect(tmp_path))
    assert blueprint.workers == {"worker": "rq worker mails", "check-2": "rq worker late"}
    line = '{\\"worker\\": \\"rq worker mails\\", \\"check-2\\": \\"rq worker late\\"}'
    assert f' APP_COMMANDS="{line}" ' in dockerfile.render(blueprint)


def test_volumes_of_the_image_are_kept(tmp_path: Path) -> None:
    [text] = rendered(tmp_path, "open('data/log.txt', 'w')", "").values()
    content = yaml.safe_load(text)

    assert content["services"]["api"]["volumes"] == ["data1:/app/data"]
    assert content["volumes"] == {"data1": {}}


@pytest.mark.parametrize("own", ["docker-compose.yml", "compose.yaml"])
def test_a_compose_file_of_the_projects_own_is_left_alone(own: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {own: "services: {cache: {image: valkey/valkey}}\n"}

    assert list(rendered(tmp_path, "", "", files)) == ["drydock.compose.yaml"]


def test_what_is_written_is_valid_compose(tmp_path: Path) -> None:
    settings = (
        "A = os.environ['DATABASE_URL']\nB = os.environ['REDIS_URL']\nC = os.getenv('API_TOKEN', 'a$b')\n"
        "open('data/log.txt', 'w')"
    )
    [(name, text)] = rendered(tmp_path, settings, "alembic sqlalchemy psycopg redis", ALEMBIC).items()
    (tmp_path / name).write_text(text)
    command = [str(CHECK), "--builtin-schema", "vendor.compose-spec", str(tmp_path / name)]

    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.acceptance
def test_compose_itself_reads_the_values_that_are_meant(tmp_path: Path) -> None:
    try:
        program = packages.compose()
    except packages.PackagesMissing as error:
        pytest.skip(str(error))
    settings = (
        "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n"
        "    headers: dict[str, str]\n\n\nsettings = Settings()\n"
    )
    write(tmp_path / "shop", rendered(tmp_path / "shop", settings, "pydantic-settings"))

    line = [*program, "config", "--format=json"]
    read = subprocess.run(line, cwd=tmp_path / "shop", check=True, capture_output=True, text=True).stdout

    found = json.loads(read)["services"]["api"]["environment"]
    assert found["HEADERS"] == "{}"


def test_a_second_look_finds_what_the_first_found(tmp_path: Path) -> None:
    files = rendered(tmp_path, "URL = os.environ['DATABASE_URL']", "alembic sqlalchemy psycopg", ALEMBIC)
    write(tmp_path, {path: written.stamped(text) for path, text in files.items()})

    assert compose.render(recipe.plan(detect(tmp_path))) == files


def test_without_a_setting_the_usual_variable_leads_to_the_service() -> None:
    found = backing.variables(backing.POSTGRES, [], {"sqlalchemy", "psycopg"}, "postgres", "word")

    assert found == {"DATABASE_URL": "postgresql+psycopg://app:word@postgres:5432/app"}


@pytest.mark.parametrize("mark", ["", "_", "__"])  # the last is pydantic's usual delimiter of nested settings
def test_each_part_of_an_address_has_its_setting(mark: str) -> None:
    parts = {"HOSTNAME": "postgres", "PORT": "5432", "USERNAME": "app", "PASSWORD": "word", "DB": "app"}
    settings = [Setting(f"SHOP_DATABASE{mark}{name}", "plain", False, "") for name in parts]
    found = backing.variables(backing.POSTGRES, settings, {"asyncpg"}, "postgres", "word")

    assert found == {f"SHOP_DATABASE{mark}{name}": value for name, value in parts.items()}
    assert backing.asked_for(settings, {"asyncpg"}) == [backing.POSTGRES]


@pytest.mark.parametrize(
    "name", ["SQLALCHEMY_DATABASE_URL", "DATABASE_DEV_URL", "DB_CONNECTION", "DB_CONNECTION_STRING", "PG_DSN"]
)
def test_a_setting_of_any_usual_name_holds_the_whole_address(name: str) -> None:
    found = backing.variables(
        backing.POSTGRES, [Setting(name, "plain", False, "")], {"asyncpg"}, "db", "word"
    )

    assert found == {name: "postgresql://app:word@db:5432/app"}
