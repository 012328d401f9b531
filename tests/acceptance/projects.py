"""Three projects by other authors: their files, and a developer's next change."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drydock import programs
from tests.conftest import write_files
from tests.detect.support import materialise

ORDERS = """\
import os

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.templating import Jinja2Templates

app = FastAPI()
engine = sa.create_engine(os.environ["DATABASE_URL"])
pages = Jinja2Templates(directory="templates")


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/orders")
def orders(request: Request) -> object:
    with engine.connect() as connection:
        names = [row.name for row in connection.execute(sa.text("select name from orders"))]
    return pages.TemplateResponse(request, "orders.html", {"names": names})
"""
MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("orders", sa.Column("name", sa.Text))
    op.execute("insert into orders values ('pears')")
"""
ENV = """\
import os

from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
TEST = """\
from fastapi.testclient import TestClient

from {module} import app


def test_health() -> None:
    assert TestClient(app).get("/health").status_code == 200
"""
SHOP = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/prices")
def prices() -> list[int]:
    return [1, 2]
"""
MANIFEST = """\
[project]
name = "shop"
version = "1.2.0"
requires-python = ">=3.11"
dependencies = ["fastapi", "uvicorn"]

[dependency-groups]
dev = ["pytest", "httpx"]
"""
THEIRS = "FROM python:3.13\nWORKDIR /srv\nCOPY . /srv\nCMD uvicorn main:app --port 8000\n"


@dataclass(frozen=True)
class Project:
    """A project as its author left it.

    Args:
        name: Its special feature.
        main: The module to change.
        run: Words for `drydock run`.
        answer: The expected answer to the printed request.
        kept: Files that no command may touch.
        dockerfile: The name of the Dockerfile that `init` writes.
        files: Text by path.
        variables: Of its environment file.
    """

    name: str
    main: str
    answer: str
    run: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    files: Mapping[str, str] = field(default_factory=dict)
    variables: str = ""

    def make(self, folder: Path) -> Path:
        """Write it, with the lock that its own tool creates."""
        if self.name == "poetry with a Dockerfile":
            materialise("lock_poetry", folder)
        write_files(folder, self.files)
        if self.name == "uv with a src layout":
            subprocess.run([programs.uv(), "lock", "--quiet"], cwd=folder, check=True)
        return folder


PROJECTS = (
    Project(
        name="requirements with Alembic and Jinja",
        main="main.py",
        answer="pears",
        run=("--env-file", ".env", "--with", "postgres"),
        files={
            "main.py": ORDERS,
            "requirements-dev.txt": "-r requirements.txt\npytest\nhttpx\n",
            "conftest.py": 'import os\n\nos.environ.setdefault("DATABASE_URL", "sqlite://")\n',
            "test_main.py": TEST.format(module="main"),
            "templates/orders.html": "{% for name in names %}<p>{{ name }}</p>{% endfor %}\n",
            "requirements.txt": "fastapi\nuvicorn\njinja2\nsqlalchemy\nalembic\npsycopg[binary]\n",
            "alembic.ini": "[alembic]\nscript_location = migrations\n",
            "migrations/env.py": ENV,
            "migrations/versions/0001_orders.py": MIGRATION,
            ".gitignore": ".env\n",
            ".env": "DATABASE_URL=postgresql://nobody@localhost/elsewhere\nGREETING='good morning'\n",
        },
    ),
    Project(
        name="uv with a src layout",
        main="src/shop/main.py",
        answer="[1,2]",
        files={
            "pyproject.toml": MANIFEST,
            "src/shop/__init__.py": "",
            "src/shop/main.py": SHOP,
            "tests/test_health.py": TEST.format(module="shop.main"),
        },
    ),
    Project(
        name="poetry with a Dockerfile",
        main="main.py",
        answer="",
        kept=("Dockerfile", "poetry.lock"),
        dockerfile="drydock.Dockerfile",
        files={"Dockerfile": THEIRS, "drydock.toml": "tests = false\nslim = false\n"},
    ),
)
