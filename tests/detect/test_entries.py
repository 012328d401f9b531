"""Applications and the commands that start them, in the forms that public projects use."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.detect import detect
from tests.detect.support import value, write
from tests.detect.test_kinds import APP, REQUIREMENTS, found

TWO = {"one.py": APP, "two.py": APP, "requirements.txt": REQUIREMENTS}
MANIFEST = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['fastapi', 'uvicorn']\n"
COMMANDS = {
    "render.yaml": "services:\n  - type: web\n    name: shop\n"
    "    startCommand: uvicorn two:app --port $PORT\n",
    "fly.toml": "[processes]\nweb = 'uvicorn two:app --port 8080'\n",
    "railway.json": '{"deploy": {"startCommand": "uvicorn two:app"}}',
    "railway.toml": "[deploy]\nstartCommand = 'uvicorn two:app'\n",
    "nixpacks.toml": "[start]\ncmd = 'uvicorn two:app'\n",
    "heroku.yml": "run:\n  web: uvicorn two:app\n",
    "app.yaml": "entrypoint: gunicorn -k uvicorn.workers.UvicornWorker two:app\n",
    "Makefile": "run:\n\t@uvicorn two:app --reload\n",
    "justfile": "run:\n    uvicorn two:app\n",
    "pyproject.toml": f"{MANIFEST}[tool.poe.tasks]\nstart = {{ cmd = 'uvicorn two:app' }}\n",
}


@pytest.mark.parametrize(("name", "text"), COMMANDS.items(), ids=COMMANDS)
def test_a_command_of_a_platform_or_a_task_runner_decides(name: str, text: str, tmp_path: Path) -> None:
    findings = detect(write(tmp_path, {**TWO, name: text}))

    assert value(findings.entry_point) == "two:app"
    assert findings.entry_point is not None
    assert findings.entry_point.why.startswith(f"named by {name}:")


def test_a_dockerfile_outranks_a_task_runner(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM python:3.12\nCOPY . .\nCMD uvicorn one:app\n",
        "Makefile": COMMANDS["Makefile"],
    }

    assert value(detect(write(tmp_path, {**TWO, **files})).entry_point) == "one:app"


def test_a_platforms_worker_and_release_are_carried_over_and_noted(tmp_path: Path) -> None:
    text = "[processes]\nweb = 'uvicorn main:app'\njobs = 'arq tasks.Worker'\n"
    findings = found(tmp_path, {"fly.toml": f"{text}[deploy]\nrelease_command = 'python -m seed'\n"})

    assert [(one.name, one.value) for one in findings.workers] == [("jobs", "arq tasks.Worker")]
    assert any(note.value.startswith("python -m seed runs before") for note in findings.notes)


def test_a_command_takes_its_application_from_the_images_variables(tmp_path: Path) -> None:
    text = "FROM python:3.12\nENV MODULE=two:app PORT=7100\nCOPY . .\nCMD uvicorn $MODULE --port $PORT\n"
    findings = detect(write(tmp_path, {**TWO, "Dockerfile": text}))

    assert (value(findings.entry_point), findings.port.value) == ("two:app", 7100)


@pytest.mark.parametrize(("target", "name"), [("/app", "main:app"), ("/app/app", "app.main:app")])
def test_an_image_for_fastapi_starts_the_module_that_it_looks_for(
    target: str, name: str, tmp_path: Path
) -> None:
    base = "FROM tiangolo/uvicorn-gunicorn-fastapi:python3.11\n"
    files = {"Dockerfile": f"{base}COPY ./app {target}\n", "app/main.py": APP, "app/other.py": APP}
    findings = detect(write(tmp_path, {**files, "app/__init__.py": "", "requirements.txt": REQUIREMENTS}))

    assert (value(findings.entry_point), value(findings.python), findings.port.value) == (name, "3.11", 8080)


HOLDER = (
    "from fastapi import FastAPI\nclass Server:\n    def __init__(self):\n        self.app = FastAPI()\n"
    "    def get(self):\n        return self.app\n"
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{HOLDER}server = Server()\n", "main:server.app"),
        (f"{HOLDER}server = Server()\nsite = server.app\n", "main:site"),
        (f"{HOLDER}site = Server().app\n", "main:site"),
        (f"{HOLDER}site = Server().get()\n", "main:site"),
        ("from fastapi import FastAPI\nsite, other = FastAPI(), 1\n", "main:site"),
        (
            "import asyncio\nfrom fastapi import FastAPI\nasync def make():\n    return FastAPI()\n"
            "site = asyncio.run(make())\n",
            "main:site",
        ),
    ],
)
def test_an_application_is_found_wherever_the_module_keeps_it(text: str, name: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": text})

    assert (value(findings.entry_point), findings.factory.value) == (name, False)


def test_an_object_of_another_modules_class_has_its_routes_and_documentation(tmp_path: Path) -> None:
    served = HOLDER.replace("FastAPI()", "FastAPI(docs_url=None)").replace(
        "    def get", "        self.app.add_api_route('/health', self.get)\n    def get"
    )
    findings = found(
        tmp_path, {"main.py": "from served import Server\nserver = Server()\n", "served.py": served}
    )

    assert (value(findings.entry_point), value(findings.liveness)) == ("main:server.app", "/health")
    assert findings.docs is None


def test_a_launcher_names_its_own_package(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/api.py": APP,
        "shop/__main__.py": "import uvicorn\nuvicorn.run(f'{__package__}.api:app', port=7070)\n",
    }
    findings = detect(write(tmp_path, {**files, "requirements.txt": REQUIREMENTS}))

    assert (value(findings.entry_point), findings.port.value, findings.notes) == ("shop.api:app", 7070, ())
