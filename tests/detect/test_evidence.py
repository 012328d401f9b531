"""Single pieces of evidence, each in the smallest project that contains it."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.detect import detect
from tests.detect.support import summary, value, write

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
REQUIREMENTS = "fastapi\nuvicorn\n"


def find(folder: Path, files: dict[str, str | bytes]) -> dict[str, object]:
    return summary(detect(write(folder, {"requirements.txt": REQUIREMENTS, **files})))


@pytest.mark.parametrize(
    "source",
    [
        "import fastapi\n\napp = fastapi.FastAPI()\n",
        "import fastapi as web\n\napp: web.FastAPI = web.FastAPI()\n",
        "from fastapi import FastAPI as Api\n\nif True:\n    app = Api()\n",
        "from fastapi import FastAPI\n\n\nclass Shop(FastAPI):\n    pass\n\n\napp = Shop()\n",
        (
            "from fastapi import FastAPI\n\n\ndef make():\n    web = FastAPI()\n"
            "    return web\n\n\napp = make()\n"
        ),
        (
            "from fastapi import FastAPI\n\n\nclass Builder:\n    def build(self) -> FastAPI:\n"
            "        return FastAPI()\n\n\napp = Builder().build()\n"
        ),
        (
            "from fastapi import FastAPI\nfrom starlette.middleware.cors import CORSMiddleware\n\n"
            "inner = FastAPI()\napp = CORSMiddleware(inner)\n"
        ),
    ],
)
def test_application_is_found_however_it_is_made(source: str, tmp_path: Path) -> None:
    assert find(tmp_path, {"main.py": source})["entry_point"] == "main:app"


def test_a_file_with_a_syntax_error_is_named_where_no_application_is_found(tmp_path: Path) -> None:
    found = detect(write(tmp_path, {"main.py": APP + "def (\n", "requirements.txt": REQUIREMENTS}))

    (blocker,) = (one for one in found.blockers if one.key == "entry-point")
    assert (blocker.where, "main.py" in blocker.fact) == ("main.py:4", True)


def test_application_under_main_guard_is_no_entry_point(tmp_path: Path) -> None:
    source = 'from fastapi import FastAPI\n\nif __name__ == "__main__":\n    app = FastAPI()\n'

    assert find(tmp_path, {"main.py": source})["blockers"] == ["entry-point"]


def test_application_that_another_one_imports_does_not_compete(tmp_path: Path) -> None:
    found = find(tmp_path, {"main.py": f"import security\n{APP}", "security.py": APP})

    assert (found["entry_point"], found["conflicts"]) == ("main:app", [])


def test_factory_that_makes_the_object_does_not_compete(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "shop/__init__.py": "",
        "shop/factory.py": (
            "from fastapi import FastAPI\n\n\n"
            "def create(settings: object) -> FastAPI:\n    return FastAPI()\n"
        ),
        "shop/main.py": "from .factory import create\n\nweb = create(object())\n",
    }

    assert find(tmp_path, files)["entry_point"] == "shop.main:web"


def test_start_script_of_the_dockerfile_is_followed(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {
            "one.py": APP,
            "two.py": APP,
            "docker/start.sh": "#!/bin/sh\nset -e\nexec uvicorn two:app --port 8100\n",
            "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["./docker/start.sh"]\n',
        },
    )

    assert (found["entry_point"], found["port"]) == ("two:app", 8100)
    assert found["entry_why"] == "named by docker/start.sh (from Dockerfile:4)"


def test_dockerfile_that_names_no_existing_module_is_noted_and_does_not_decide(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": 'FROM python:3.12\nCMD ["uvicorn", "server:app"]\n'})
    found = detect(write(tmp_path, {"main.py": APP, "requirements.txt": REQUIREMENTS}))

    assert value(found.entry_point) == "main:app"
    assert [(n.value, n.where) for n in found.notes] == [
        ("server:app is started, but no file defines it", "Dockerfile:2")
    ]


def test_absolute_imports_choose_the_source_root(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "backend/app/main.py": f"from app.config import NAME\n{APP}",
        "backend/app/config.py": "NAME = 'x'\n",
        "backend/requirements.txt": REQUIREMENTS,
    }
    found = find(tmp_path, files)

    assert (found["entry_point"], found["python_path"]) == ("app.main:app", ["backend"])


def test_relative_imports_need_a_package(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "app/main.py": f"from .config import NAME\n{APP}",
        "app/config.py": "NAME = 'x'\n",
    }

    assert find(tmp_path, files)["entry_point"] == "app.main:app"


def test_module_called_like_a_library_is_not_taken_for_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "app/__init__.py": "",
        "app/main.py": f"import redis\nimport jwt\n{APP}",
        "app/redis.py": "",
        "app/jwt.py": "",
        "requirements.txt": f"{REQUIREMENTS}redis\npyjwt\n",
    }

    assert find(tmp_path, files)["python_path"] == ["."]


def test_dockerfile_decides_between_declarations(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {
            "main.py": APP,
            "requirements.txt": f"{REQUIREMENTS}httpx\n",
            "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["fastapi", "orjson"]\n',
            "Dockerfile": "FROM python:3.12\nCOPY . /app\nRUN pip install -r requirements.txt\n",
        },
    )

    assert (found["dependencies"], found["conflicts"]) == ("requirements", [])


def test_health_route_of_a_router_that_is_handed_in(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": "from api import router\nfrom setup_app import create\n\napp = create(router=router)\n",
        "setup_app.py": (
            "from fastapi import APIRouter, FastAPI\n\n\ndef create(router: APIRouter) -> FastAPI:\n"
            "    application = FastAPI()\n    application.include_router(router)\n    return application\n"
        ),
        "api.py": (
            "from fastapi import APIRouter\n\nrouter = APIRouter(prefix='/v1')\n\n\n"
            "@router.get('/ping')\ndef ping(): ...\n"
        ),
    }

    assert find(tmp_path, files)["liveness"] == "/v1/ping"


@pytest.mark.parametrize("path", ["/__heartbeat__", "/api/_status", "/ok"])
def test_a_route_named_like_a_check_is_a_probe(path: str, tmp_path: Path) -> None:
    source = f"{APP}\n\n@app.get('/')\ndef root(): ...\n\n\n@app.get('{path}')\ndef check(): ...\n"

    assert find(tmp_path, {"main.py": source})["liveness"] == path


def test_health_route_with_parameters_is_no_probe(tmp_path: Path) -> None:
    source = (
        f"{APP}\n\n@app.get('/health/{{part}}')\ndef part(part: str): ...\n\n\n"
        "@app.get('/status')\ndef status(of: str): ...\n"
    )

    assert find(tmp_path, {"main.py": source})["liveness"] == ""


def test_prefix_from_settings_is_followed(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": (
            f"from fastapi import APIRouter\nfrom config import settings\n{APP}router = APIRouter()\n\n\n"
            "@router.get('/livez')\ndef live(): ...\n\n\n"
            "app.include_router(router, prefix=f'{settings.BASE}/v2')\n"
        ),
        "config.py": (
            "from pydantic_settings import BaseSettings\n\n\n"
            "class Settings(BaseSettings):\n    BASE: str = '/api'\n\n\n"
            "def get() -> Settings:\n    return Settings()\n\n\nsettings = get()\n"
        ),
    }

    assert find(tmp_path, files)["liveness"] == "/api/v2/livez"


def test_settings_class_chosen_at_run_time_is_listed(tmp_path: Path) -> None:
    source = (
        "from pydantic_settings import BaseSettings\n\n\nclass Production(BaseSettings):\n"
        "    SECRET_KEY: str\n\n\n"
        "settings = {'prod': Production}['prod']()\n"
    )

    assert find(tmp_path, {"main.py": f"import config\n{APP}", "config.py": source})["settings"] == [
        "SECRET_KEY secret required"
    ]


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("import os\nX = os.environ['API_KEY']", "API_KEY secret required"),
        ("from os import environ\nX = environ.get('LEVEL', 'info')", "LEVEL plain info"),
        ("from decouple import config\nX = config('REGION')", "REGION plain required"),
        (
            (
                "from starlette.config import Config\nconfig = Config()\n"
                "X = config('DEBUG', cast=bool, default=False)"
            ),
            "DEBUG plain",
        ),
        ("from environs import Env\nenv = Env()\nX = env.str('DB_PASSWORD')", "DB_PASSWORD secret required"),
    ],
)
def test_lookup_at_import_is_a_setting(line: str, setting: str, tmp_path: Path) -> None:
    assert find(tmp_path, {"main.py": f"{line}\n{APP}"})["settings"] == [setting]


@pytest.mark.parametrize("made", ["media", "media/portraits"])
def test_folder_made_at_import_does_not_block(made: str, tmp_path: Path) -> None:
    source = (
        "import os\nfrom fastapi.staticfiles import StaticFiles\n"
        f"{APP}os.makedirs('{made}', exist_ok=True)\napp.mount('/media', StaticFiles(directory='media'))\n"
    )
    found = find(tmp_path, {"main.py": source})

    assert (found["blockers"], found["writable"], found["replicas_safe"]) == ([], [made], False)


def test_missing_file_read_at_import_blocks(tmp_path: Path) -> None:
    found = find(tmp_path, {"main.py": f"KEY = open('keys/public.txt').read()\n{APP}"})

    assert found["blocker_text"] == (
        "keys/public.txt does not exist, and the file is read at import (main.py:1); add the file"
    )


@pytest.mark.parametrize("held", [{}, {"keys/jwt.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n"}])
def test_secret_read_at_import_is_to_be_mounted(held: dict[str, str], tmp_path: Path) -> None:
    code = {"main.py": f"KEY = open('keys/jwt.pem').read()\n{APP}", "requirements.txt": "fastapi\nuvicorn\n"}
    findings = detect(write(tmp_path, code | held))

    assert findings.blockers == ()
    assert [(note.value, note.where) for note in findings.notes] == [
        (
            "keys/jwt.pem is read at import and is a secret, which no image holds: mount it there",
            "main.py:1",
        )
    ]


@pytest.mark.parametrize(
    "guard",
    [
        "try:\n    {}\nexcept OSError:\n    pass\n",
        "def later():\n    {}\n",
        'if __name__ == "__main__":\n    {}\n',
    ],
)
def test_network_behind_a_guard_does_not_block(guard: str, tmp_path: Path) -> None:
    call = guard.format("requests.get('https://rates.invalid')")

    assert find(tmp_path, {"main.py": f"import requests\n{call}{APP}"})["blockers"] == []


def test_network_in_a_function_that_runs_at_import_blocks(tmp_path: Path) -> None:
    source = (
        "import requests\n\n\ndef load():\n"
        f"    return requests.get('https://rates.invalid')\n\n\nRATES = load()\n{APP}"
    )

    assert find(tmp_path, {"main.py": source})["blockers"] == ["network"]


def test_lookup_without_default_that_an_engine_is_made_from_is_required(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "db.py": "import os\nimport sqlalchemy\n\nURL = os.getenv('DATABASE_URL')\n"
        "TRACE = os.getenv('TRACE')\nengine = sqlalchemy.create_engine(URL)\n",
        "main.py": f"import db\n{APP}",
    }

    assert find(tmp_path, files)["settings"] == ["DATABASE_URL secret required", "TRACE plain"]


@pytest.mark.parametrize("over", ["(api.router,)", "routers"])
def test_health_route_of_routers_included_in_a_loop(over: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": f"import api\n{APP}routers = [api.router]\n"
        f"for each in {over}:\n    app.include_router(each)\n",
        "api.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
        "@router.get('/livez')\ndef live(): ...\n",
    }

    assert find(tmp_path, files)["liveness"] == "/livez"


def test_health_route_of_routers_whose_routes_are_added(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": f"import api\n{APP}routers = [api.router]\n"
        "app.router.routes += [route for router in routers for route in router.routes]\n",
        "api.py": "from fastapi import APIRouter\n\nrouter = APIRouter(prefix='/in')\n\n\n"
        "@router.get('/livez')\ndef live(): ...\n",
    }

    assert find(tmp_path, files)["liveness"] == "/in/livez"


def test_a_pin_file_chooses_and_metadata_says_what_else_would_do(tmp_path: Path) -> None:
    manifest = '[project]\nname = "shop"\nrequires-python = ">=3.12"\ndependencies = ["fastapi", "uvicorn"]\n'
    files: dict[str, str | bytes] = {"main.py": APP, "pyproject.toml": manifest, ".python-version": "3.14\n"}

    found = detect(write(tmp_path, files))

    assert value(found.python) == "3.14"
    assert found.python_supported == ("3.14", "3.13", "3.12")


def test_a_pin_of_metadata_leaves_no_other_version(tmp_path: Path) -> None:
    manifest = (
        '[project]\nname = "shop"\nrequires-python = "==3.14.0"\ndependencies = ["fastapi", "uvicorn"]\n'
    )

    assert detect(write(tmp_path, {"main.py": APP, "pyproject.toml": manifest})).python_supported == ("3.14",)


def test_name_that_a_star_brings_is_followed(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": "from shop import *\nfrom shop.parts import make\n\napp = make()\n",
        "shop/__init__.py": "from .parts import *\n",
        "shop/parts.py": "from .makers import *\n",
        "shop/makers.py": "from fastapi import FastAPI\n\n\ndef make():\n    return FastAPI()\n",
    }

    assert find(tmp_path, files)["entry_point"] == "main:app"


def test_enclosing_package_of_an_import_runs_too(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": f"import shop.parts.names\n{APP}",
        "shop/__init__.py": "",
        "shop/parts/__init__.py": "import os\n\nKEY = os.environ['API_KEY']\n",
        "shop/parts/names.py": "",
    }

    assert find(tmp_path, files)["settings"] == ["API_KEY secret required"]


def test_declaration_without_fastapi_gives_way_to_one_above(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"service/main.py": APP, "service/requirements.txt": "httpx\n"}

    assert find(tmp_path, files)["files"] == ["requirements.txt"]


def test_lock_wins_over_requirements_that_it_holds(tmp_path: Path) -> None:
    lock = "version = 1\nrequires-python = '>=3.11'\n"
    lock += "".join(f"\n[[package]]\nname = '{name}'\nversion = '1'\n" for name in ("fastapi", "uvicorn"))
    manifest = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['fastapi']\n"

    found = find(tmp_path, {"main.py": APP, "pyproject.toml": manifest, "uv.lock": lock})

    assert (found["dependencies"], found["conflicts"]) == ("uv", [])


def test_lock_of_init_leaves_the_declaration_that_the_dockerfile_installs(tmp_path: Path) -> None:
    lock = "version = 1\n" + "".join(
        f"\n[[package]]\nname = '{name}'\nversion = '1'\n" for name in ("fastapi", "uvicorn")
    )
    manifest = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['fastapi', 'uvicorn']\n"
    files = {
        "main.py": APP,
        "pyproject.toml": manifest,
        "uv.lock": lock,
        "requirements.txt": "fastapi\nuvicorn\n",
    }
    write(tmp_path, {**files, "Dockerfile": "FROM python:3.13\nRUN pip install -r requirements.txt\n"})

    before = summary(detect(tmp_path))["dependencies"]
    (tmp_path / "requirements.lock").write_text("fastapi==1\nuvicorn==1\n", encoding="utf-8")

    assert (before, summary(detect(tmp_path))["dependencies"]) == ("requirements", "requirements")


def test_stale_lock_that_names_its_manifest_does_not_compete_with_it(tmp_path: Path) -> None:
    manifest = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['fastapi', 'uvicorn', 'orjson']\n"
    lock = "# After a change of pyproject.toml:\n#   uv pip compile pyproject.toml -o requirements.lock\n"
    pins = "fastapi==1\nuvicorn==1\nanyio==1\n"
    write(tmp_path, {"main.py": APP, "pyproject.toml": manifest, "requirements.lock": lock + pins})

    named = summary(detect(tmp_path))
    (tmp_path / "requirements.lock").write_text(pins, encoding="utf-8")
    unnamed = summary(detect(tmp_path))

    assert (named["files"], named["conflicts"]) == (["requirements.lock"], [])
    assert unnamed["conflicts"] == ["lock"]


def test_the_file_that_the_production_dockerfile_installs_is_the_declaration(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": APP,
        "requirements.txt": "-r requirements/dev.txt\n",
        "requirements/base.txt": "fastapi\n",
        "requirements/prod.txt": "-r base.txt\nuvicorn\n",
        "requirements/dev.txt": "-r prod.txt\npytest\n",
        "Dockerfile": (
            "FROM python:3.13\nCOPY . .\nRUN pip install -r requirements.txt\nCMD uvicorn main:app --reload\n"
        ),
        "Dockerfile.prod": (
            "FROM python:3.13\nCOPY requirements/*.txt ./\n"
            "RUN pip install -r ./base.txt && pip install --requirement=/deps/requirements/prod.txt\n"
            "COPY . .\nCMD uvicorn main:app\n"
        ),
    }
    found = find(tmp_path, files)
    assert found["files"] == ["requirements/prod.txt", "requirements/base.txt"]

    again = "uv pip compile requirements/prod.txt -o requirements.lock"
    header = f"# After a change of requirements/prod.txt:\n#   {again}\n"
    write(tmp_path, {"requirements.lock": f"{header}fastapi==1\nuvicorn==1\nanyio==1\n"})
    assert summary(detect(tmp_path))["files"] == ["requirements.lock"]


def test_of_two_locks_the_one_that_the_first_dockerfile_installs_is_chosen(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": APP,
        "pylock.toml": "lock-version = '1.0'\n[[packages]]\nname = 'fastapi'\nversion = '1'\n",
        "Pipfile": "[packages]\nfastapi = '*'\n",
        "Pipfile.lock": '{"default": {"fastapi": {"version": "==1"}}}',
        "Dockerfile": "FROM python:3.13\nCOPY . .\nRUN pip install -r pylock.toml\n",
        "Dockerfile-pipenv": "FROM python:3.13\nCOPY . .\nRUN pipenv sync --system\n",
    }
    found = summary(detect(write(tmp_path, files)))
    assert (found["dependencies"], found["conflicts"]) == ("pylock", [])


@pytest.mark.parametrize("key", ["entrypoint", "command"])
def test_a_compose_file_of_any_name_tells_the_start(key: str, tmp_path: Path) -> None:
    makers = (f"\n\ndef {name}():\n    return FastAPI()\n" for name in ("make", "make_other"))
    two = "from fastapi import FastAPI\n" + "".join(makers)
    service = f"services:\n  shop:\n    build: .\n    {key}: [uvicorn, --factory, 'main:make_other']\n"
    found = find(
        tmp_path, {"main.py": two, "shop.yml": service, "Dockerfile": "FROM python:3.13\nCOPY . .\n"}
    )
    assert found["entry_point"] == "main:make_other"
    assert f"shop.yml services.shop.{key}" in str(found["entry_why"])


def test_a_folder_that_the_program_may_make_is_not_missed(tmp_path: Path) -> None:
    served = f"from fastapi.staticfiles import StaticFiles\n{APP}"
    served += "app.mount('/static', StaticFiles(directory='static'))\n"
    maker = "import os\nfrom config import folders\n\nfor folder in folders():\n    os.makedirs(folder)\n"
    config = "import os\n\n\ndef folders():\n    return os.environ['FOLDERS'].split()\n"

    assert find(tmp_path, {"main.py": served})["blockers"] == ["files"]
    assert find(tmp_path, {"main.py": maker + served, "config.py": config})["blockers"] == []


def test_application_without_routes_does_not_compete(tmp_path: Path) -> None:
    routed = f"{APP}\n\n@app.get('/')\ndef home(): ...\n"

    assert find(tmp_path, {"one.py": routed, "two.py": APP})["entry_point"] == "one:app"


@pytest.mark.parametrize("name", ["Dockerfile", "drydock.Dockerfile"])
def test_packages_of_a_replaced_dockerfile_stay_in_the_one_that_replaced_it(
    name: str, tmp_path: Path
) -> None:
    text = (
        "FROM scratch AS drydock\nFROM python:3.13-slim AS slim\nRUN apt-get install --yes \\\n"
        "        libpq5 $(apt-cache pkgnames | grep -Fx -e gcc -e libpq-dev -e gettext)\n"
    )
    files = {"main.py": APP, "requirements.txt": "fastapi\nuvicorn\n", name: text}
    findings = detect(write(tmp_path, files))

    assert [(one.value, one.where) for one in findings.system_build] == [
        ("gcc", f"{name}:4"),
        ("libpq-dev", f"{name}:4"),
    ]
    assert [one.value for one in findings.system_run] == ["gettext"]
