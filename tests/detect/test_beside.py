"""A project's actions besides starting the server are found, each with its line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from drydock.detect import Findings, beside, detect
from drydock.detect.model import Found
from tests.conftest import ROOT
from tests.detect.support import write

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"


def found(folder: Path, files: dict[str, str | bytes]) -> Findings:
    return detect(write(folder, {"main.py": APP, "requirements.txt": "fastapi\nuvicorn\n", **files}))


def notes(folder: Path, files: dict[str, str | bytes]) -> list[tuple[str, str]]:
    return [
        (note.value.partition(":")[0].partition(",")[0], note.where) for note in found(folder, files).notes
    ]


def test_steps_and_variables_of_the_dockerfile_are_noted(tmp_path: Path) -> None:
    text = (
        "FROM python:3.13-slim AS base\nENV PYTHONUNBUFFERED=1 GREETING=moin\nWORKDIR /srv\n"
        "RUN apt-get update && apt-get install -y curl\n"
        "RUN --mount=type=cache,target=/c pip install -r r.txt\n"
        "RUN python words.py && rm -rf /c\nFROM base\nENV API_TOKEN abc\nCOPY . .\n"
        'CMD ["uvicorn", "main:app"]\n'
    )

    assert notes(tmp_path, {"Dockerfile": text}) == [
        ("the Dockerfile runs python words.py", "Dockerfile:6"),
        ("the Dockerfile sets GREETING=moin", "Dockerfile:2"),
        ("the Dockerfile sets API_TOKEN", "Dockerfile:8"),
    ]


@pytest.mark.parametrize(
    "start",
    [
        "uvicorn main:app --host 0.0.0.0 --root-path /shop --no-access-log --port=8080 --uds one.sock",
        "uvicorn --root-path=/shop --no-access-log --uds=one.sock main:app",
        "fastapi run main.py --root-path /shop --no-access-log --uds one.sock",
        "python -m fastapi run main.py --root-path /shop --no-access-log --uds one.sock",
    ],
)
def test_options_of_the_start_command_are_taken_over_or_noted(start: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"Dockerfile": f"FROM python:3.13\nCMD {start}\n"})
    [note] = findings.notes

    assert findings.options == Found(("--root-path", "/shop", "--no-access-log"), "Dockerfile:2")
    assert re.search(r" --uds.one\.sock, ", note.value)
    assert "--host" not in note.value
    assert note.where == "Dockerfile:2"


@pytest.mark.parametrize(
    ("workers", "noted"), [("--workers 4", True), ("--workers=1", False), ("-w 2", True)]
)
def test_workers_of_the_start_command_are_noted(workers: str, noted: bool, tmp_path: Path) -> None:
    start = f"gunicorn {workers} -k uvicorn.workers.UvicornWorker main:app"
    findings = found(tmp_path, {"Procfile": f"web: {start}\n"})

    assert ["WEB_CONCURRENCY" in note.value for note in findings.notes] == [True] * noted


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("uvicorn main:app --host ::", "--host ::: HOST sets that where the image runs (0.0.0.0)"),
        ("uvicorn main:app --host 0.0.0.0", ""),
        (
            "uvicorn main:app --timeout-graceful-shutdown 9",
            "--timeout-graceful-shutdown 9: GRACEFUL_TIMEOUT sets that where the image runs (25)",
        ),
        ("gunicorn -k own.Worker main:app", "-k own.Worker, which the image's own start does not take over"),
        ("hypercorn -k trio main:app", "-k trio, which the image's own start does not take over"),
        ("gunicorn -k uvicorn.workers.UvicornH11Worker main:app", ""),
        ("gunicorn -k uvicorn_worker.UvicornWorker main:app", ""),
        ("hypercorn -k uvloop main:app", ""),
    ],
)
def test_address_and_workers_unlike_the_images_are_noted(start: str, said: str, tmp_path: Path) -> None:
    told = [note.value for note in found(tmp_path, {"Procfile": f"web: {start}\n"}).notes]

    assert told == [f"the start command has {said}"] * bool(said)


def test_file_of_the_servers_logging_goes_into_the_image(tmp_path: Path) -> None:
    start = "uvicorn main:app --log-config log/server.json"
    findings = found(tmp_path, {"Procfile": f"web: {start}\n", "log/server.json": "{}"})

    assert findings.options == Found(("--log-config", "log/server.json"), "Procfile:1")
    assert findings.data_files == (Found("log/server.json", "Procfile:1"),)


GUNICORN = """\
import multiprocessing, os
bind = f"0.0.0.0:{os.getenv('PORT', '9000')}"
workers = multiprocessing.cpu_count() + 1
keepalive = 75
timeout = 60
helper = 1
accesslog = None
def when_ready(server): ...
"""


def test_gunicorns_configuration_file_is_part_of_the_start_command(tmp_path: Path) -> None:
    start = 'CMD ["gunicorn", "-c", "deploy/gunicorn.py", "--timeout=90", "main:app"]'
    dockerfile = f"FROM python:3.13\nWORKDIR /app\nCOPY . .\n{start}\n"
    findings = found(tmp_path, {"Dockerfile": dockerfile, "deploy/gunicorn.py": GUNICORN})

    expected = ("--timeout-worker-healthcheck", "90", "--timeout-keep-alive", "75")
    assert findings.options == Found(expected, "Dockerfile:4")
    assert findings.port == Found(9000, "Dockerfile:4")
    assert [note.value.partition(":")[0] for note in findings.notes] == [
        "the start command has --workers $(multiprocessing.cpu_count() + 1)",
        "the start command has when_ready() of deploy/gunicorn.py, which the image's own start"
        " does not take over",
    ]


def test_usual_name_of_gunicorns_configuration_file_needs_no_option(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Procfile": "web: gunicorn main:app\n",
        "gunicorn.conf.py": "max_requests = 500\n",
    }
    assert found(tmp_path, files).options == Found(("--limit-max-requests", "500"), "Procfile:1")


@pytest.mark.parametrize(("value", "told"), [("False", ""), ("None", ""), ("True", "--preload,")])
def test_switch_of_gunicorns_configuration_file_is_named_if_it_is_on(
    value: str, told: str, tmp_path: Path
) -> None:
    files = {"Procfile": "web: gunicorn main:app\n", "gunicorn.conf.py": f"preload_app = {value}\n"}

    notes = [note.value for note in found(tmp_path, files).notes]

    assert notes == (
        [f"the start command has {told} which the image's own start does not take over"] * bool(told)
    )


def test_options_of_a_launcher_are_taken_over_unless_it_is_a_developers(tmp_path: Path) -> None:
    launcher = (
        "import uvicorn\nPREFIX = '/shop'\n"
        "uvicorn.run(app='main:app', host='0.0.0.0', port=8080, root_path=PREFIX,\n"
        "    access_log=False, proxy_headers=True, timeout_keep_alive=30, reload=False, log_config=None)\n"
    )
    expected = ("--root-path", "/shop", "--no-access-log", "--proxy-headers", "--timeout-keep-alive", "30")
    files: dict[str, str | bytes] = {"serve.py": launcher}

    assert found(tmp_path, files).options == Found(expected, "serve.py:3")
    developers = {"serve.py": launcher.replace("reload=False", "reload=True")}
    assert found(tmp_path, developers).options is None
    findings = found(tmp_path, {**files, "Procfile": "web: python serve.py\n"})
    assert findings.options == Found(expected, "Procfile:1")
    assert findings.notes == ()


@pytest.mark.parametrize(
    ("options", "expected", "noted"),
    [
        ("OPTIONS = {'root_path': '/shop', 'port': 8123}", "/shop", ""),
        ("OPTIONS = dict(root_path='/shop', port=8123)", "/shop", ""),
        ("from settings import OPTIONS", "", "the start command has **OPTIONS, which the image's own start"),
    ],
)
def test_options_of_a_dictionary_are_taken_over_or_noted(
    options: str, expected: str, noted: str, tmp_path: Path
) -> None:
    launcher = f"import uvicorn\n{options}\nuvicorn.run('main:app', **OPTIONS)\n"
    findings = found(tmp_path, {"serve.py": launcher, "Procfile": "web: python serve.py\n"})

    assert (findings.options.value if findings.options else ()) == (
        ("--root-path", expected) if expected else ()
    )
    assert findings.port.value == (8123 if expected else 8000)
    assert [note.value.startswith(noted) for note in findings.notes] == [True] * bool(noted)


def test_options_of_a_variable_and_of_a_development_server_are_not_taken_over(tmp_path: Path) -> None:
    procfile = "web: uvicorn main:app --root-path $PREFIX\n"

    findings = found(tmp_path, {"Procfile": procfile})
    assert findings.options is None
    assert ["UVICORN_ROOT_PATH" in note.value for note in findings.notes] == [True]
    (tmp_path / "Procfile").unlink()
    assert found(tmp_path, {"Makefile": "dev:\n\tuvicorn main:app --log-level debug\n"}).options is None


def test_options_that_are_taken_over_are_those_of_the_start_script() -> None:
    script = (ROOT / "drydock/container/start.py").read_text()
    known = {
        element.value
        for node in ast.walk(ast.parse(script))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"WORDS", "COUNTS", "SWITCHES"}
        for element in ast.walk(node.value)
        if isinstance(element, ast.Constant)
    }

    assert {name.replace("-", "_") for name in beside.TAKEN} == known


def test_programs_before_and_beside_the_server_are_noted(tmp_path: Path) -> None:
    compose = (
        "services:\n  api:\n    build: .\n    command: sh -c 'python -m tables && uvicorn main:app'\n"
        "  jobs:\n    build: .\n    command: [celery, --app=main, worker]\n"
    )
    procfile = "web: uvicorn main:app\nscheduler: celery --app=main beat\nrelease: echo done\n"

    assert notes(tmp_path, {"compose.yaml": compose, "Procfile": procfile}) == [
        ("python -m tables runs before the server", "compose.yaml services.api.command"),
        ("celery --app=main worker runs beside the server", "compose.yaml:5"),
        ("celery --app=main beat runs beside the server", "Procfile:2"),
    ]
    (tmp_path / "Procfile").unlink()
    assert notes(tmp_path, {"compose.yaml": compose}) == [
        ("python -m tables runs before the server", "compose.yaml services.api.command"),
        ("celery --app=main worker runs beside the server", "compose.yaml:5"),
    ]


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("#!/bin/sh\nset -e\n# python comments.py\n{}\nexec uvicorn main:app", ""),
        ('#!/bin/sh\nif [ "$SEED" ]; then\n  {}\nfi\nexec "$@"', 'CMD ["uvicorn", "main:app"]\n'),
        ("./wait.sh db:5432\nbash run/first.sh\nexec uvicorn main:app", ""),
    ],
    ids=["of the script", "before its arguments", "of a script that it runs"],
)
def test_programs_of_a_start_script_are_noted(script: str, command: str, tmp_path: Path) -> None:
    dockerfile = f'FROM python:3.13\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["./run/start.sh"]\n{command}'
    files: dict[str, str | bytes] = {
        "Dockerfile": dockerfile,
        "run/start.sh": script.format("python -m seed"),
        "run/first.sh": "alembic upgrade head\npython -m seed\n",
    }
    [(note, where)] = notes(tmp_path, files)

    assert note == "python -m seed runs before the server"
    assert where.endswith("(from Dockerfile:4)") or "run/first.sh (from run/start.sh" in where


def test_scripts_that_run_each_other_end(tmp_path: Path) -> None:
    script = "./start.sh\n./start.sh\nuvicorn main:app\n"
    assert notes(tmp_path, {"Procfile": "web: ./start.sh\n", "start.sh": script}) == []


def test_workers_and_schedulers_are_found_with_their_names_and_lines(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": (
            "services:\n  api:\n    build: .\n    command: uvicorn main:app\n"
            "  clock:\n    build: .\n    command: python -m ticks\n"
            "  idle:\n    build: .\n    command: sleep infinity\n"
            "  db:\n    image: postgres\n    command: python -m nothing\n"
        ),
        "Procfile": "web: uvicorn main:app\nworker: rq worker mails\nrelease: python -m tables\n",
        "Dockerfile.worker": "FROM python:3.13\nCOPY . .\nCMD celery --app=main beat\n",
    }
    findings = found(tmp_path, files)

    assert {(one.name, one.value, one.where) for one in findings.workers} == {
        ("clock", "python -m ticks", "compose.yaml:5"),
        ("worker", "rq worker mails", "Procfile:2"),
        ("celery", "celery --app=main beat", "Dockerfile.worker:3"),
    }
    [before] = [note for note in findings.notes if "before the server" in note.value]
    assert before.where == "Procfile:3"


@pytest.mark.parametrize(
    ("call", "noted"),
    [
        ("os.system('date')", True),
        ("subprocess.run('date', shell=True)", True),
        ("subprocess.run(['shop-date'])", False),
        ("subprocess.run('shop-date', shell=False)", False),
    ],
)
def test_shell_that_the_code_calls_is_noted(call: str, noted: bool, tmp_path: Path) -> None:
    source = f"import os, subprocess\n{APP}\n\ndef now():\n    {call}\n"

    assert bool(found(tmp_path, {"main.py": source}).notes) is noted


@pytest.mark.parametrize(("guard", "noted"), [("", True), ("def load():\n    ", False)])
def test_library_that_fetches_at_import_is_noted(guard: str, noted: bool, tmp_path: Path) -> None:
    source = f"import tiktoken\n{APP}\n{guard}words = tiktoken.get_encoding('cl100k_base')\n"
    findings = found(tmp_path, {"main.py": source})

    assert ["TIKTOKEN_CACHE_DIR" in note.value for note in findings.notes] == [True] * noted


def test_wrapper_that_takes_the_lifespan_for_a_request_is_noted(tmp_path: Path) -> None:
    wrapper = (
        "class Prefix:\n    def __init__(self, app):\n        self.app = app\n"
        "    async def __call__(self, scope, receive, send):\n        {}\n"
        "        await self.app(scope, receive, send)\n"
    )
    careless, careful = 'scope["path"]', 'scope["type"] == "http" and scope["path"]'
    source = "{}\nfrom fastapi import FastAPI\ninner = FastAPI()\napp = Prefix(inner)\n"

    assert notes(tmp_path, {"main.py": source.format(wrapper.format(careless))})[0][1] == "main.py:4"
    assert notes(tmp_path, {"main.py": source.format(wrapper.format(careful))}) == []


def test_setting_that_shares_the_image_s_port_is_noted(tmp_path: Path) -> None:
    source = (
        "from pydantic_settings import BaseSettings\nclass Database(BaseSettings):\n    port: int = 5432\n"
        f"database = Database()\n{APP}"
    )

    assert notes(tmp_path, {"main.py": source}) == [("the image also listens on PORT (8000)", "main.py:3")]


SOCKET = f"{APP}\n\n@app.websocket('/news')\nasync def news(socket): ...\n"


@pytest.mark.parametrize(
    ("wanted", "added", "noted"),
    [
        ("fastapi", "uvicorn[standard]", False),
        ("fastapi\nuvicorn", "", True),
        ("fastapi\nuvicorn[standard]", "", False),
        ("fastapi\nuvicorn\nwebsockets", "", False),
        ("fastapi[standard]", "", False),
        ("fastapi\nhypercorn", "", False),
    ],
)
def test_websocket_routes_need_a_library(wanted: str, added: str, noted: bool, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": SOCKET, "requirements.txt": f"{wanted}\n"})

    assert findings.server is not None
    assert (findings.server.value.requirement, bool(findings.notes)) == (added, noted)


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        ("['api.example.org', 'x.org']", "api.example.org"),
        ("['*.example.org']", "probe.example.org"),
        ("['*']", ""),
        ("HOSTS", ""),
        ("NAMED", "named.example.org"),
        ("names.OTHER", "other.example.org"),
        ("IMPORTED", "other.example.org"),
    ],
)
def test_host_that_the_application_lets_through_is_found(hosts: str, name: str, tmp_path: Path) -> None:
    source = (
        "from starlette.middleware.trustedhost import TrustedHostMiddleware as Hosts\n"
        "import names\nfrom names import OTHER as IMPORTED\n"
        "DOMAIN = 'example.org'\nNAMED = ('named.' + DOMAIN,)\n"
        f"{APP}app.add_middleware(Hosts, allowed_hosts={hosts})\n"
    )
    host = found(tmp_path, {"main.py": source, "names.py": "OTHER = ['other.example.org']\n"}).host

    assert (host.value if host else "") == name


@pytest.mark.parametrize(
    "path",
    [
        "Path('docs') / f'{name}.md'",
        "f'docs/{name}.md'",
        "os.path.join('docs', name)",
        "Path(f'docs/{name}')",
    ],
)
def test_folder_of_files_whose_names_come_later_is_data(path: str, tmp_path: Path) -> None:
    source = f"import os\nfrom pathlib import Path\n{APP}\n\ndef page(name):\n    open({path})\n"
    findings = found(tmp_path, {"main.py": source, "docs/a.md": "x"})

    assert [data.value for data in findings.data_files] == ["docs"]


@pytest.mark.parametrize(
    "path", ["f'uploads/{name}'", "Path('uploads') / name", "os.path.join('uploads', name)"]
)
def test_folder_of_written_files_whose_names_come_later_is_written(path: str, tmp_path: Path) -> None:
    source = f"import os\nfrom pathlib import Path\n{APP}\n\ndef save(name):\n    open({path}, 'wb')\n"

    assert [(w.value, w.kind) for w in found(tmp_path, {"main.py": source}).writable] == [
        ("uploads", "folder")
    ]


SETTINGS = (
    "from pathlib import Path\nfrom pydantic_settings import BaseSettings\n"
    "class Settings(BaseSettings):\n    data_dir: str = {}\nsettings = Settings()\n"
)
TORTOISE = (
    "from pathlib import Path\nfrom tortoise.contrib.fastapi import register_tortoise\n"
    "BASE = Path(__file__).parent\nCONFIG = {'connections': {'default': {'engine': 'sqlite', 'credentials': "
    "{'file_path': f'{BASE}/shop.sqlite3'}}}}\n"
)
# A class of settings whose module does not import Tortoise.
SETTINGS_OF_TORTOISE = (
    "import os\nclass Settings:\n    HERE = os.path.dirname(os.path.abspath(__file__))\n"
    "    ROOT = os.path.abspath(os.path.join(HERE, 'inner', os.pardir))\n"
    "    ORM: dict = {'connections': {'sqlite': {'engine': 'tortoise.backends.sqlite',\n"
    "        'credentials': {'file_path': f'{ROOT}/shop.sqlite3'}}}}\n"
)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (
            SETTINGS.format("str(Path.cwd() / 'data')") + "Path(settings.data_dir).mkdir()\n",
            ("data", "folder"),
        ),
        (
            SETTINGS.format("'data'")
            + "def prepare(folder):\n    Path(folder).mkdir()\nprepare(settings.data_dir)\n",
            ("data", "folder"),
        ),
        (TORTOISE, ("shop.sqlite3", "database")),
        (SETTINGS_OF_TORTOISE, ("shop.sqlite3", "database")),
        ("URL = 'sqlite://shop.db'\n", ("shop.db", "database")),
    ],
)
def test_written_path_is_found_through_settings_parameters_and_dictionaries(
    source: str, written: tuple[str, str], tmp_path: Path
) -> None:
    findings = found(tmp_path, {"main.py": f"{source}{APP}"})

    assert [(one.value, one.kind) for one in findings.writable] == [written]
    assert not findings.replicas_safe.value


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://:memory:", "sqlite:///:memory:", "sqlite:///?x=1"])
def test_database_in_memory_writes_nothing(url: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"main.py": f"URL = {url!r}\n{APP}"}).writable == ()


def test_folder_that_a_subclass_of_static_files_serves_is_data(tmp_path: Path) -> None:
    source = (
        "from fastapi.staticfiles import StaticFiles\nclass Pages(StaticFiles): ...\nclass Own(Pages): ...\n"
        f"{APP}app.mount('/', Own(directory='ui/dist', html=True))\n"
    )
    findings = found(tmp_path, {"main.py": source, "ui/dist/index.html": "x"})

    assert [data.value for data in findings.data_files] == ["ui/dist"]


@pytest.mark.parametrize("text", ["f''", "f'{name}'", "f'{name}.md'"])
def test_path_of_which_nothing_is_written_down_is_no_evidence(text: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": f"{APP}\n\ndef page(name):\n    open({text})\n"})

    assert (findings.data_files, findings.writable) == ((), ())


def test_the_library_of_a_wheel_is_installed_for_code_that_imports_it_whatever_happens(
    tmp_path: Path,
) -> None:
    files = {
        "main.py": "import cairosvg\nfrom fastapi import FastAPI\napp = FastAPI()\n",
        "requirements.txt": "fastapi\nuvicorn\ncairosvg==2.7\n",
    }

    findings = found(tmp_path, files)

    assert ("libcairo2", "main.py") in [(one.value, one.where) for one in findings.system_run]
    assert not [note for note in findings.notes if "libcairo" in note.value]


@pytest.mark.parametrize(("installs", "named"), [("", ["requirements.txt:3"]), ("libgomp1", [])])
def test_a_library_that_no_wheel_carries_is_named_until_it_is_installed(
    installs: str, named: list[str], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "fastapi\nuvicorn\nlightgbm\n"}
    if installs:
        files["Dockerfile"] = f"FROM python:3.13\nRUN apt-get install {installs}\nCMD uvicorn main:app\n"
    noted = [note for note in found(tmp_path, files).notes if "libgomp.so.1" in note.value]

    assert [note.where for note in noted] == named


def test_a_field_of_settings_that_are_reached_through_a_wrapper_gives_its_default(tmp_path: Path) -> None:
    source = (
        f"from kit import current\n{APP}\n\nclass Settings:\n    images: str = 'data/images'\n\n\n"
        "open(f'{current().images}/all.txt', 'w')\n"
    )
    findings = found(tmp_path, {"main.py": source})

    assert [written.value for written in findings.writable] == ["data/images/all.txt"]


@pytest.mark.parametrize(
    ("step", "noted"),
    [
        ("python -c 'import words; words.make()' && rm words.py", ["python -c 'import words; words.make()'"]),
        ("curl -sSL https://example.com/get | VERSION=2 python3 -", []),
        ('GROUPS="" && pushd /srv && . /srv/bin/activate && python -V && make words', ["make words"]),
        ('for one in $(ls | grep cache); do rm -rf "$one"; done', []),
        ("( poetry check || ( echo 'stale; lock it' && false ) )", []),
        ("ARCH=$(case $(arch) in x) echo a ;; *) echo b ;; esac) && python words.py", ["python words.py"]),
        ("DEBIAN_FRONTEND=noninteractive apt-get install -y git", []),
        ("sed -i s/deb.example.org/mirror.example.com/ /etc/apt/sources.list", []),
        ("sed -i s/red/blue/ theme.css", ["sed -i s/red/blue/ theme.css"]),
    ],
)
def test_steps_are_whole_commands_and_no_plumbing(step: str, noted: list[str], tmp_path: Path) -> None:
    text = f'FROM python:3.13\nRUN {step}\nCMD ["uvicorn", "main:app"]\n'
    said = [note.value for note in found(tmp_path, {"Dockerfile": text}).notes]

    assert said == [f"the Dockerfile runs {one}, which drydock's builds do not repeat" for one in noted]


def test_tests_are_no_workers_and_a_tool_s_environment_is_left_out(tmp_path: Path) -> None:
    compose = (
        "services:\n  check:\n    build: .\n    command: python -m pytest -vv\n"
        "  jobs:\n    build: .\n    command: poetry run celery -A main worker\n"
        "  more:\n    build: .\n    command: uv run --no-sync arq main.Jobs\n"
    )
    workers = found(tmp_path, {"compose.yaml": compose}).workers

    assert [(one.name, one.value) for one in workers] == [
        ("jobs", "celery -A main worker"),
        ("more", "arq main.Jobs"),
    ]


def test_worker_of_another_member_is_none_of_this_image(tmp_path: Path) -> None:
    member = '[project]\nname = "{}"\nversion = "1"\ndependencies = ["fastapi", "uvicorn"]\n'
    celery = "FROM python:3.13\nCOPY --from=base /srv /srv\nCMD celery -A jobs worker\n"
    write(
        tmp_path,
        {
            "api/main.py": APP,
            "api/pyproject.toml": member.format("api"),
            "api/Dockerfile.worker": celery,
            "jobs/pyproject.toml": member.format("jobs"),
            "jobs/jobs.py": "",
            "jobs/Dockerfile": celery,
        },
    )

    assert [one.where for one in detect(tmp_path).workers] == ["api/Dockerfile.worker:3"]


def test_distribution_that_only_the_dockerfile_installs_is_noted(tmp_path: Path) -> None:
    text = (
        "FROM python:3.13\nRUN pip install --no-cache-dir -r requirements.txt 'GDAL==3.6' ./wheels/own.whl\n"
        "RUN pip install --group checks -i https://example.com/simple --upgrade pip FastAPI[all] uvicorn\n"
        'CMD ["uvicorn", "main:app"]\n'
    )

    assert [(note.value, note.where) for note in found(tmp_path, {"Dockerfile": text}).notes] == [
        ("the Dockerfile installs gdal, which no declaration names: add it there", "Dockerfile:2")
    ]


@pytest.mark.parametrize(
    "command",
    [
        "uv sync --frozen --extra catalogs --extra dev --group reports",
        "poetry install --only main -E catalogs --with reports,dev",
        'poetry install --extras "catalogs dev" --with=reports',
        "pip install .[catalogs,dev] && uv sync --group reports",
        "pdm sync --prod -G catalogs,reports",
    ],
)
def test_extras_and_groups_of_the_dockerfile_s_install_are_installed(command: str, tmp_path: Path) -> None:
    manifest = (
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi", "uvicorn"]\n'
        '[project.optional-dependencies]\ncatalogs = ["stamps"]\ndev = ["rulers"]\nother = ["chalk"]\n'
        '[dependency-groups]\nreports = ["paper"]\ndev = ["ink"]\n'
    )
    text = f"FROM python:3.13\nRUN {command}\nCMD uvicorn main:app\n"
    findings = detect(write(tmp_path, {"main.py": APP, "pyproject.toml": manifest, "Dockerfile": text}))
    plan = findings.dependencies

    assert plan is not None
    assert set(plan.value.requirements) == {"fastapi", "uvicorn", "stamps", "paper"}
    assert [(note.value, note.where) for note in findings.notes] == [
        ("extra catalogs is installed, as there: set extras before that file goes", "Dockerfile:2"),
        ("group reports is installed, as there: set groups before that file goes", "Dockerfile:2"),
    ]


@pytest.mark.parametrize(
    ("line", "installed"),
    [
        ("import passlib.context\n", True),
        ("import httpx\n", False),  # fastapi's own dependency here
        ("try:\n    import passlib\nexcept ImportError:\n    passlib = None\n", False),
        ("def hashed():\n    import passlib\n", False),
    ],
)
def test_a_group_that_alone_has_what_the_program_imports_is_installed(
    line: str, installed: bool, tmp_path: Path
) -> None:
    lock = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1"\noptional = false\npython-versions = "*"\n'
        + ('[package.dependencies]\nhttpx = "*"\n' if name == "fastapi" else "")
        for name in ("fastapi", "uvicorn", "httpx", "passlib")
    )
    manifest = (
        '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\nfastapi = "*"\nuvicorn = "*"\n'
        '[tool.poetry.group.dev.dependencies]\nhttpx = "*"\npasslib = "*"\n'
    )
    files = {"main.py": f"{line}{APP}", "pyproject.toml": manifest, "poetry.lock": lock}
    findings = detect(write(tmp_path, files))
    plan = findings.dependencies

    assert plan is not None
    assert ("passlib" in {text.partition("*")[0] for text in plan.value.requirements}) is installed
    assert ("dev" in " ".join(plan.value.export)) is installed
    assert [(note.value, note.where) for note in findings.notes] == [
        ("group dev is installed: it alone has passlib, which the program imports", "main.py")
    ] * installed


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("exec ddtrace-run uvicorn main:app", "has ddtrace-run before the server"),
        ("newrelic-admin run-program gunicorn main:app", "has newrelic-admin run-program before the server"),
        ("opentelemetry-instrument python -m uvicorn main:app", "has opentelemetry-instrument before"),
        ("python -O -X dev serve.py", "has python's -O: set PYTHONOPTIMIZE=1 where the image runs"),
        ("python -W error -m uvicorn main:app", "has python's -W error: set PYTHONWARNINGS=error"),
        ("GREETING=moin exec uvicorn main:app", "sets GREETING=moin"),
        ("env API_TOKEN=abc uvicorn main:app", "sets API_TOKEN: set it"),
        ("export GREETING=moin PORT=80 && uvicorn main:app", "sets GREETING=moin"),
    ],
)
def test_what_stands_before_the_server_is_noted(start: str, said: str, tmp_path: Path) -> None:
    files = {"Procfile": f"web: {start}\n", "serve.py": "import uvicorn\nuvicorn.run('main:app')\n"}
    first = found(tmp_path, files).notes[0]

    assert first.value.startswith(f"the start command {said}")
    assert first.where == "Procfile:1"


@pytest.mark.parametrize(
    "start",
    [
        "tini -g -- gosu app uvicorn main:app",
        "poetry run python -u -X utf8 -m uvicorn main:app",
        "sh -c 'exec uvicorn main:app'",
        "conda run --no-capture-output -n shop uvicorn main:app",
        "PORT=80 PYTHONUNBUFFERED=1 uv run --frozen fastapi run main.py",
    ],
)
def test_what_an_image_replaces_before_the_server_is_not_noted(start: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"Procfile": f"web: {start}\n"}).notes == ()


@pytest.mark.parametrize(
    ("variables", "noted"),
    [
        ("PYTHONOPTIMIZE=2", True),
        ("TZ=Europe/Berlin", True),
        ("WEB_CONCURRENCY=3", True),
        ("LANG=de_DE.UTF-8", True),
        ("LC_ALL=fr_FR.UTF-8", True),
        ("LANG=C.UTF-8 LC_ALL=en_US.utf8 TZ=Etc/UTC", False),
        ("PYTHONHASHSEED=random PYTHONUNBUFFERED=1 WEB_CONCURRENCY=1", False),
    ],
)
def test_variables_that_change_answers_are_noted(variables: str, noted: bool, tmp_path: Path) -> None:
    text = f"FROM python:3.13\nENV {variables}\nCMD uvicorn main:app\n"
    notes = found(tmp_path, {"Dockerfile": text}).notes

    assert ["locales-all" in note.value for note in notes] == ["_" in variables.split("=")[1]] * noted


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("anyio.run_process('df -h | tail')", "asks for a shell"),
        ("anyio.run_process(['shop-date'])", ""),
        ("loop.subprocess_shell(None, 'date')", "asks for a shell"),
        ("loop.subprocess_exec(None, 'date')", "calls date"),
        ("invoke.run('date')", "asks for a shell"),
        ("pty.spawn(['/bin/bash'])", "calls bash"),
        ("pexpect.spawn('/bin/date -u')", "calls date"),
        ("os.spawnlp(os.P_WAIT, 'df', 'df')", "calls df"),
        ("os.posix_spawn('/bin/date', ['date'], {})", "calls date"),
        ("functools.partial(subprocess.run, shell=True)('date')", "asks for a shell"),
    ],
)
def test_program_of_the_base_that_is_called_in_another_way_is_noted(
    call: str, said: str, tmp_path: Path
) -> None:
    imports = "import anyio, functools, invoke, os, pexpect, pty, subprocess\n"
    source = f"{imports}{APP}\n\ndef now(loop):\n    {call}\n"
    told = [note.value.partition("() ")[2] for note in found(tmp_path, {"main.py": source}).notes]

    assert [text.startswith(said) for text in told] == [True] * bool(said)


@pytest.mark.parametrize("line", ["import sh", "from sh import date", "from plumbum.cmd import date"])
def test_module_that_stands_for_programs_is_noted(line: str, tmp_path: Path) -> None:
    [note] = found(tmp_path, {"main.py": f"{line}\n{APP}"}).notes

    assert note.value.endswith("calls programs of the system: slim has the base's, production none")


@pytest.mark.parametrize(
    ("launcher", "said"),
    [
        ("import logging\nlogging.basicConfig()\nuvicorn.run('main:app')\n", "logging.basicConfig()"),
        ("if __name__ == '__main__':\n    prepare('db')\n    uvicorn.run('main:app')\n", "prepare('db')"),
        ("os.environ['MODE'] = 'x'\nuvicorn.run('main:app')\n", "os.environ['MODE'] = …"),
        (
            "def main():\n    app.state.mode = 1\n    try:\n        uvicorn.run('main:app')\n    finally:\n"
            "        end()\nif __name__ == '__main__':\n    first()\n    main()\n",
            "app.state.mode = …, first()",
        ),
        ("print('starts')\nport = int('80')\nuvicorn.run('main:app', port=port)\nend()\n", ""),
        ("def other():\n    prepare()\nuvicorn.run('main:app')\n", ""),
    ],
)
def test_steps_of_a_program_before_its_server_are_noted(launcher: str, said: str, tmp_path: Path) -> None:
    files = {"serve.py": f"import os, uvicorn\n{launcher}", "Procfile": "web: python serve.py\n"}
    told = [note.value for note in found(tmp_path, files).notes if note.value.startswith("before")]

    assert [f"the program runs {said}: the image" in text for text in told] == [True] * bool(said)


@pytest.mark.parametrize(("own", "said"), [("prepare()", []), ("", ["main()"])])
def test_steps_that_an_import_makes_as_well_are_not_noted(own: str, said: list[str], tmp_path: Path) -> None:
    block = "if __name__ == '__main__':\n    {}import uvicorn\n    uvicorn.run(app)\n"
    guarded = block.format("" if own else "main()\n    ")
    told = [note.value for note in found(tmp_path, {"main.py": f"{APP}{own}\n{guarded}"}).notes]

    assert [one for text in told for one in said if one in text] == said
    assert len(told) == len(said)


@pytest.mark.parametrize(
    ("command", "noted"),
    [
        ("make run", True),
        ("poe serve", True),
        ("python run.py", True),
        ("uvicorn main:app", False),
        ("uvicorn gone:app", False),
        ("python serve.py", False),
        ("celery -A main worker", False),
        ("alembic upgrade head", False),
        ("python3", False),
        ("sleep infinity", False),
    ],
)
def test_start_command_without_a_server_is_noted(command: str, noted: bool, tmp_path: Path) -> None:
    files = {
        "Dockerfile": f"FROM python:3.13\nCMD {command}\n",
        "Makefile": "run:\n\tuvicorn main:app --root-path /shop\n",
        "run.py": "from servers import Server\nfrom main import app\nServer(app).run()\n",
        "serve.py": "import uvicorn\nuvicorn.run('main:app')\n",
    }
    told = [note.where for note in found(tmp_path, files).notes if "no server is found" in note.value]

    assert told == ["Dockerfile:2"] * noted
