"""Alembic and Aerich become the image's migration, each from the folder that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect import Findings, detect
from tests.detect.support import write

ALEMBIC = "python3 -m alembic upgrade head"
FILES: dict[str, str | bytes] = {
    "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
    "requirements.txt": "fastapi\nuvicorn\nalembic\n",
}


def found(folder: Path, files: dict[str, str | bytes], **overrides: str) -> Findings:
    return detect(write(folder, FILES | files), overrides)


def planned(folder: Path, files: dict[str, str | bytes]) -> str:
    return recipe.plan(found(folder, files)).migrate


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"alembic.ini": "[alembic]\nscript_location = migrations\n", "migrations/env.py": ""}, ALEMBIC),
        ({"alembic.ini": "[alembic]\nscript_location = %(here)s/db\n", "db/env.py": ""}, ALEMBIC),
        ({"alembic.ini": "[alembic]\nscript_location = shop:db\n", "shop/db/env.py": ""}, ALEMBIC),
        ({"pyproject.toml": '[tool.alembic]\nscript_location = "%(here)s/db"\n', "db/env.py": ""}, ALEMBIC),
        (
            {"db/alembic.ini": "[alembic]\nscript_location = alembic\n", "db/alembic/env.py": ""},
            f"cd /app/db && {ALEMBIC}",
        ),
        (
            {"db/alembic.ini": "[alembic]\nscript_location = db/alembic\n", "db/alembic/env.py": ""},
            "python3 -m alembic -c db/alembic.ini upgrade head",
        ),
    ],
)
def test_alembic_is_run_from_the_folder_that_its_configuration_counts_from(
    files: dict[str, str | bytes], command: str, tmp_path: Path
) -> None:
    assert planned(tmp_path, files) == command


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": '[tool.aerich]\nlocation = "./db"\n', "db/models/0_init.py": ""},
        {"aerich.ini": "[aerich]\nlocation = ./db\n", "db/models/0_init.py": ""},
        {"aerich.ini": "[aerich]\ntortoise_orm = main.ORM\n", "migrations/models/0_init.py": ""},
    ],
)
def test_aerich_is_run_where_it_is_configured(files: dict[str, str | bytes], tmp_path: Path) -> None:
    required: dict[str, str | bytes] = {"requirements.txt": "fastapi\nuvicorn\naerich\n"}

    assert planned(tmp_path, files | required) == "python3 -m aerich.cli upgrade"


def test_configuration_and_scripts_are_shipped(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "alembic.ini": "[alembic]\nscript_location = db/examples\n",
        "db/examples/env.py": "",
        "db/examples/versions/0001.py": "",
    }

    assert {"alembic.ini", "db"} <= set(recipe.plan(found(tmp_path, files)).entries)


def test_the_projects_own_command_gives_the_arguments(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "alembic.ini": "[alembic]\nscript_location = db\n",
        "db/env.py": "",
        "Dockerfile": "FROM python:3.13\nWORKDIR /srv\nCOPY . /srv\n"
        "CMD alembic -x tenant=a upgrade heads && uvicorn main:app\n",
    }
    findings = found(tmp_path, files)

    assert recipe.plan(findings).migrate == "python3 -m alembic -x tenant=a upgrade heads"
    assert not [note for note in findings.notes if "before the server" in note.value]


def test_a_tool_that_is_not_installed_is_noted(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "fastapi\nuvicorn\n",
        "alembic.ini": "[alembic]\nscript_location = db\n",
        "db/env.py": "",
    }
    findings = found(tmp_path, files)

    assert findings.migrate is None
    assert [note.where for note in findings.notes] == ["alembic.ini"]


def test_two_schemas_are_a_contradiction_that_an_option_settles(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"{name}/{path}": text
        for name in ("orders", "users")
        for path, text in (("alembic.ini", "[alembic]\nscript_location = db\n"), ("db/env.py", ""))
    }

    [conflict] = found(tmp_path, files).conflicts
    settled = found(tmp_path, files, migrate="shop.db:upgrade")

    assert conflict.option == "migrate"
    assert [one.where for one in conflict.candidates] == ["orders/alembic.ini", "users/alembic.ini"]
    assert settled.conflicts == ()
    assert recipe.plan(settled).migrate == "shop.db:upgrade"


def test_those_of_tests_and_examples_are_not_the_projects(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "examples/alembic.ini": "[alembic]\nscript_location = db\n",
        "examples/db/env.py": "",
    }

    assert found(tmp_path, files).migrate is None


def test_sections_of_other_names_are_noted(tmp_path: Path) -> None:
    text = "[orders]\nscript_location = orders\n[users]\nscript_location = users\n[loggers]\nkeys = root\n"
    files: dict[str, str | bytes] = {"alembic.ini": text, "requirements.txt": "fastapi\nuvicorn\nalembic\n"}
    [note] = found(tmp_path, files).notes

    assert "orders, users" in note.value
    assert "-n orders upgrade head" in note.value


@pytest.mark.parametrize(("parent", "command"), [("'a'", "upgrade head"), ("None", "upgrade heads")])
def test_several_heads_are_all_upgraded_to(parent: str, command: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "alembic.ini": "[alembic]\nscript_location = steps\n",
        "steps/env.py": "",
        "steps/versions/a.py": "revision: str = 'a'\ndown_revision = None\n",
        "steps/versions/b.py": f"revision: str = 'b'\ndown_revision: str | None = {parent}\n",
        "requirements.txt": "fastapi\nuvicorn\nalembic\n",
    }
    migrate = found(tmp_path, files).migrate

    assert migrate is not None
    assert migrate.value.command == f"python3 -m alembic {command}"


def test_another_tool_for_migrations_is_noted(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "fastapi\nuvicorn\nyoyo-migrations\n"}
    [note] = found(tmp_path, files).notes

    assert "`yoyo apply --batch`" in note.value


ENVIRONMENT = "connectable = engine_from_config(config.get_section(config.config_ini_section))\n"


@pytest.mark.parametrize(
    ("url", "more", "noted"),
    [
        ("postgresql://u:p@localhost:5433/shop", "", True),
        ("postgresql://u:p@localhost:5433/shop", "config.set_main_option('sqlalchemy.url', URL)\n", False),
        ("postgresql://u:p@database/shop", "", False),
        ("driver://user:pass@localhost/dbname", "import os\nurl = os.environ['DATABASE_URL']\n", False),
    ],
)
def test_a_migration_that_connects_to_this_machine_is_noted(
    url: str, more: str, noted: bool, tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "fastapi\nuvicorn\nalembic\n",
        "alembic.ini": f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {url}\n",
        "alembic/env.py": ENVIRONMENT + more,
    }
    findings = found(tmp_path, files)

    assert findings.migrate
    assert [note.where for note in findings.notes if "connects to localhost:5433" in note.value] == (
        ["alembic.ini"] * noted
    )
