"""Findings for every example project of tests/apps equal its expected.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from drydock.detect import as_json, detect, explain_lines
from drydock.detect.model import Found
from tests.detect.support import APPS, DIRECTIONS, materialise, summary, value, write

SHAPES = sorted(p.parent.name for p in APPS.glob("*/expected.toml"))


@pytest.mark.parametrize("shape", SHAPES)
def test_findings_equal_expected_toml(shape: str, tmp_path: Path) -> None:
    table = tomllib.loads((APPS / shape / "expected.toml").read_text())
    facts = {key: fact for key, fact in table.items() if key not in DIRECTIONS}
    expected = {"conflicts": [], "blockers": [], **facts}
    folder = materialise(shape, tmp_path / shape) / table.get("project", ".")

    found = summary(detect(folder))

    assert {key: found[key] for key in expected} == expected


def test_every_shape_of_the_list_has_an_example() -> None:
    prefixes = {shape.split("_")[0] for shape in SHAPES}

    assert prefixes >= {
        "lock",
        "locks",
        "requirements",
        "pyproject",
        "setup",
        "server",
        "entry",
        "layout",
        "install",
        "python",
        "system",
        "settings",
        "probe",
        "ignore",
        "writes",
        "blocked",
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_every_value_carries_its_place(shape: str, tmp_path: Path) -> None:
    plain = as_json(detect(materialise(shape, tmp_path / shape)))

    for name in (
        "entry_point",
        "factory",
        "dependencies",
        "server",
        "python",
        "port",
        "workdir",
        "replicas_safe",
    ):
        assert plain[name] is None or plain[name]["where"], name


def test_explain_says_one_line_a_fact(tmp_path: Path) -> None:
    lines = explain_lines(detect(materialise("entry_dockerfile", tmp_path / "app")))

    assert "entry point          server.stock:app (server/stock.py:3; named by Dockerfile:8)" in lines
    assert "port                 8080 (Dockerfile:8)" in lines
    assert "python               3.12 (Dockerfile FROM python:3.12-slim)" in lines
    assert all("\n" not in line for line in lines)


def test_explain_says_tcp_where_no_route_fits(tmp_path: Path) -> None:
    lines = explain_lines(detect(materialise("probe_guarded", tmp_path / "app")))

    assert "liveness             TCP probe: no route fits" in lines


def test_explain_says_that_no_build_of_drydocks_sees_a_secret(tmp_path: Path) -> None:
    app = materialise("entry_in_init", tmp_path / "app")
    (app / ".env").write_text("KEY=1\n", encoding="utf-8")

    (line,) = (line for line in explain_lines(detect(app)) if ".env" in line)

    assert line == "secret               .env (`docker build` alone would see it; drydock's rules hide it)"


def test_own_backend_is_found() -> None:
    found = detect(APPS.parent.parent / "backend")

    assert found.conflicts == ()
    assert found.blockers == ()
    assert found.factory.value
    assert [value(f) for f in (found.entry_point, found.liveness, found.readiness)] == [
        "todo_api.main:create_app",
        "/livez",
        "/readyz",
    ]


STARLETTE = """\
from starlette.applications import Starlette
from starlette.routing import Mount, Route
async def health(request): ...
async def items(request, session): ...
routes = [Route("/", items), Mount("/api", routes=[Mount("/v1", routes=[Route("/health", health)])])]
"""


@pytest.mark.parametrize(
    ("made", "factory"),
    [
        ("app = Starlette(routes=routes)\n", False),
        ("def app():\n    return Starlette(routes=routes)\n", True),
    ],
)
def test_starlette_application_is_found_with_its_probe_and_without_documentation(
    made: str, factory: bool, tmp_path: Path
) -> None:
    write(tmp_path, {"main.py": STARLETTE + made, "requirements.txt": "starlette\nuvicorn\n"})
    findings = detect(tmp_path)

    assert (value(findings.entry_point), findings.factory.value) == ("main:app", factory)
    assert findings.liveness == Found("/api/v1/health", "main.py:5")
    assert findings.docs is None
    assert not findings.blockers


def test_fastapi_application_goes_before_starlettes(tmp_path: Path) -> None:
    inner = f"{STARLETTE}inner = Starlette(routes=routes)\n"
    write(tmp_path, {"inner.py": inner, "main.py": "from fastapi import FastAPI\napp = FastAPI()\n"})

    assert value(detect(tmp_path).entry_point) == "main:app"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from django.http import HttpResponse\n", "Django"),
        ("import flask\napp = flask.Flask('shop')\n", "Flask"),
        ("from litestar import Litestar\napp = Litestar([])\n", "Litestar"),
        ("from aiohttp import web\napp = web.Application()\n", "aiohttp"),
    ],
)
def test_project_of_another_framework_is_called_by_its_name(source: str, name: str, tmp_path: Path) -> None:
    write(tmp_path, {"shop/web.py": f"import os\n{source}", "tests/test_web.py": "import sanic\n"})
    [blocker] = [one for one in detect(tmp_path).blockers if one.key == "entry-point"]

    assert blocker.fact == f"a {name} project: drydock starts applications of FastAPI and Starlette"
    assert blocker.where == "shop/web.py:2"
    assert detect(tmp_path, {"entry-point": "shop.web:app"}).blockers != (blocker,)


@pytest.mark.parametrize(
    "source",
    [
        "from litestar import Litestar\napp = Litestar([])\n",
        "from flask import Flask\ndef app(): return Flask('shop')\n",
        "from django.core.asgi import get_asgi_application\napp = get_asgi_application()\n",
    ],
)
def test_project_of_another_framework_is_refused_though_a_command_starts_it(
    source: str, tmp_path: Path
) -> None:
    write(tmp_path, {"shop/web.py": source, "Procfile": "web: gunicorn shop.web:app\n"})
    [blocker] = [one for one in detect(tmp_path).blockers if one.key == "entry-point"]

    assert re.match("a (Litestar|Flask|Django) project: ", blocker.fact)
    assert blocker.where == "shop/web.py:1"


def test_fastapi_goes_before_another_framework_that_is_started_beside_it(tmp_path: Path) -> None:
    files = {
        "site/web.py": "from flask import Flask\napp = Flask('shop')\n",
        "api.py": "from fastapi import FastAPI\napp = FastAPI()\n",
        "Procfile": "site: gunicorn site.web:app\nweb: uvicorn api:app\n",
    }
    write(tmp_path, files)

    assert value(detect(tmp_path).entry_point) == "api:app"


def test_client_of_aiohttp_is_no_web_project(tmp_path: Path) -> None:
    write(tmp_path, {"shop/client.py": "import aiohttp\n"})
    [blocker] = [one for one in detect(tmp_path).blockers if one.key == "entry-point"]

    assert blocker.fact == "no FastAPI application was found"
