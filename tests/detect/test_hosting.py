"""Files of hosting platforms as evidence of start, port, release command and health check."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.detect import Findings, detect
from tests.detect.support import summary, value, write

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/')\ndef home():\n    return {}\n"
FILES = {"shop.py": APP, "admin.py": APP, "requirements.txt": "fastapi\nuvicorn\n"}
FLY = """\
app = "shop"

[processes]
app = "uvicorn shop:app"
mails = "python mails.py"

[deploy]
release_command = "python seed.py"

[http_service]
internal_port = 9000

[[http_service.checks]]
path = "/"
"""
RENDER = """\
services:
  - type: web
    name: shop
    runtime: python
    startCommand: uvicorn shop:app --host 0.0.0.0 --port $PORT
    preDeployCommand: python seed.py
    healthCheckPath: /
    envVars: [{key: PORT, value: "9000"}]
  - {type: worker, name: mails, startCommand: python mails.py}
"""
RAILWAY_TOML = """\
[deploy]
startCommand = "uvicorn shop:app --port 9000"
preDeployCommand = ["python seed.py"]
healthcheckPath = "/"
"""
RAILWAY_JSON = '{"deploy": {"startCommand": "uvicorn shop:app --port 9000", "healthcheckPath": "/"}}'


def found(folder: Path, files: dict[str, str]) -> Findings:
    return detect(write(folder, {**FILES, **files}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fly.toml", FLY),
        ("render.yaml", RENDER),
        ("railway.toml", RAILWAY_TOML),
        ("railway.json", RAILWAY_JSON),
    ],
)
def test_platforms_file_names_start_port_and_health_check(name: str, text: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {name: text})

    assert (value(findings.entry_point), findings.port.value) == ("shop:app", 9000)
    assert value(findings.liveness) == value(findings.readiness) == "/"
    assert findings.liveness is not None
    assert findings.liveness.why.startswith(f"asked by {name}:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nixpacks.toml", '[start]\ncmd = "uvicorn shop:app --port 9000"\n'),
        (
            "app.yaml",
            "runtime: python313\nentrypoint: gunicorn -k uvicorn.workers.UvicornWorker -b :9000 shop:app\n",
        ),
    ],
)
def test_platforms_file_names_start(name: str, text: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {name: text})

    assert (value(findings.entry_point), findings.port.value) == ("shop:app", 9000)


@pytest.mark.parametrize(("name", "text"), [("fly.toml", FLY), ("render.yaml", RENDER)])
def test_platforms_release_and_workers_are_noted(name: str, text: str, tmp_path: Path) -> None:
    notes = " ".join(note.value for note in found(tmp_path, {name: text}).notes)

    assert "python seed.py runs before the server" in notes
    assert "python mails.py runs beside the server" in notes


@pytest.mark.parametrize(
    "start",
    ["    rootDir: api\n    startCommand: uvicorn shop:app", "    startCommand: cd api && uvicorn shop:app"],
)
def test_platforms_command_runs_in_the_named_folder(start: str, tmp_path: Path) -> None:
    services = f"services:\n  - type: web\n{start}\n"
    findings = found(tmp_path, {"render.yaml": services, "api/shop.py": APP})

    assert findings.entry_point is not None
    assert findings.entry_point.where == "api/shop.py:3"


def test_dockerfile_wins_over_a_platforms_file(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM python:3.13\nCOPY . /app\nWORKDIR /app\nCMD uvicorn admin:app\n"}

    assert value(found(tmp_path, {**files, "fly.toml": FLY}).entry_point) == "admin:app"


def test_platforms_file_of_another_service_tells_no_port(tmp_path: Path) -> None:
    files = {"web/fly.toml": "[http_service]\ninternal_port = 3000\n", "Procfile": "web: uvicorn shop:app"}

    assert found(tmp_path, files).port.value == 8000


def test_unknown_health_check_of_a_platform_is_not_asked(tmp_path: Path) -> None:
    findings = found(
        tmp_path, {"render.yaml": RENDER.replace("healthCheckPath: /", "healthCheckPath: /gone")}
    )

    assert findings.liveness is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "Dockerfile",
            "FROM python:3.13\nCOPY . /app\nWORKDIR /app\nCMD uvicorn shop:app\n"
            "HEALTHCHECK CMD curl -f http://localhost:8000/state || exit 1\n",
        ),
        (
            "compose.yaml",
            "services:\n  shop:\n    build: .\n    command: uvicorn shop:app\n    healthcheck:\n"
            "      test: [CMD, curl, -f, 'http://127.0.0.1/state']\n",
        ),
    ],
)
def test_health_check_of_a_container_names_the_probe(name: str, text: str, tmp_path: Path) -> None:
    more = "".join(f"@app.get('/{name}')\ndef {name}():\n    return {{}}\n" for name in ("state", "ping"))

    assert value(found(tmp_path, {"shop.py": APP + more, name: text}).liveness) == "/state"


@pytest.mark.parametrize(
    "name", ["fly.toml", "railway.toml", "railway.json", "nixpacks.toml", "app.yaml", "render.yaml"]
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "services: 3",
        "services: [3, {type: 1, rootDir: [], envVars: {a: 1}}]",
        "processes = 1\nchecks = 2",
        '{"deploy": 1}',
    ],
)
def test_malformed_platforms_file_tells_nothing(name: str, text: str, tmp_path: Path) -> None:
    assert (
        summary(found(tmp_path, {name: text, "main.py": "import shop\nimport admin\n" + APP}))["entry_point"]
        == "main:app"
    )
