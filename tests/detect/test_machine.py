"""What projects ask of the machine: Python, programs, models, indexes, and probes that answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detect.support import value
from tests.detect.test_kinds import APP, REQUIREMENTS, asked, found

PINS = {
    ".tool-versions": "nodejs 20.1.0\npython 3.11.4\n",
    "mise.toml": "[tools]\npython = '3.11'\n",
    ".mise.toml": "[tools]\npython = ['3.11', '3.12']\n",
    "environment.yml": "dependencies:\n  - python=3.11\n  - pip\n",
    ".python-version": "# for uv\ncpython@3.11.2\n",
    "runtime.txt": "python-3.11.9",
    "Dockerfile": "FROM mcr.microsoft.com/devcontainers/python:1-3.11\nCMD uvicorn main:app\n",
}


@pytest.mark.parametrize(("name", "text"), PINS.items(), ids=PINS)
def test_a_pin_of_the_developers_decides_the_python(name: str, text: str, tmp_path: Path) -> None:
    assert value(found(tmp_path, {name: text}).python) == "3.11"


def test_a_base_that_the_metadata_rule_out_is_named(tmp_path: Path) -> None:
    text = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.12'\ndependencies = ['fastapi']\n"
    files = {
        "pyproject.toml": text,
        "requirements.txt": "",
        "Dockerfile": "FROM python:3.10\nCMD uvicorn main:app\n",
    }
    findings = found(tmp_path, files)

    assert value(findings.python) == "3.13"
    assert [note.value for note in findings.notes if "names Python 3.10, but 3.13" in note.value]


HEAD = "import asyncio, os, subprocess\nimport anyio\n"


@pytest.mark.parametrize(
    "call",
    [
        'os.system("ffmpeg -i x")',
        'os.system(f"ffmpeg -i {os.sep.join(sorted([]))}")',
        'os.popen("cat x | ffmpeg -i -")',
        'subprocess.run("cd /tmp && ffmpeg -i x", shell=True)',
        'subprocess.run(["sh", "-c", "ffmpeg -i x"])',
        'asyncio.create_subprocess_shell("ffmpeg -i x")',
        'anyio.run_process(["ffmpeg", "-i", "x"])',
    ],
)
def test_a_program_is_found_behind_a_shell(call: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": f"{HEAD}{APP}def f():\n    return {call}\n"})

    assert [one.value for one in findings.system_run] == ["ffmpeg"]


def test_a_program_that_debian_has_no_longer_is_named_and_not_installed(tmp_path: Path) -> None:
    findings = found(tmp_path, {"requirements.txt": f"{REQUIREMENTS}pdfkit\n"})

    assert findings.system_run == ()
    assert any("pdfkit calls wkhtmltopdf, which Debian 13 lacks" in note.value for note in findings.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import spacy\nM = spacy.load('en_core_web_sm')\n", "add the URL of its wheel"),
        ("from nltk.corpus import stopwords\nM = stopwords.words('english')\n", "NLTK_DATA"),
        ("import torchvision\nM = torchvision.models.resnet18(weights='DEFAULT')\n", "TORCH_HOME"),
        ("from ultralytics import YOLO\nM = YOLO('yolov8n.pt')\n", "needs the network"),
        ("from fastembed import TextEmbedding\nM = TextEmbedding()\n", "FASTEMBED_CACHE_PATH"),
    ],
)
def test_a_model_that_is_fetched_at_import_is_noted(text: str, words: str, tmp_path: Path) -> None:
    assert any(words in note.value for note in found(tmp_path, {"main.py": text + APP}).notes)


@pytest.mark.parametrize(
    "text",
    [
        "from ultralytics import YOLO\nM = YOLO('models/own.pt')\n",
        "from sentence_transformers import SentenceTransformer\nM = SentenceTransformer('models')\n",
        "import torchvision\nM = torchvision.models.resnet18()\n",
        "import spacy\nM = spacy.load('models')\n",
    ],
)
def test_a_model_of_the_project_is_not_fetched(text: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": text + APP, "models/own.pt": "x"})

    assert (findings.notes, findings.blockers) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        "import httpx\nwith httpx.Client() as c:\n    K = c.get('https://example.org')\n",
        "from pymongo import MongoClient\nc = MongoClient()\nc.admin.command('ping')\n",
        "import boto3\nc = boto3.client('secretsmanager')\nK = c.get_secret_value(SecretId='x')\n",
    ],
)
def test_a_client_that_asks_at_import_is_refused(text: str, tmp_path: Path) -> None:
    assert [one.key for one in found(tmp_path, {"main.py": text + APP}).blockers] == ["network"]


@pytest.mark.parametrize("text", ["-e .[server]\nasyncpg\n", ".[server]\nasyncpg\n"])
def test_requirements_that_install_the_project_hold_all_that_it_declares(text: str, tmp_path: Path) -> None:
    declared = "[project]\nname = 'x'\nversion = '1'\ndependencies = ['fastapi']\n"
    extras = "[project.optional-dependencies]\nserver = ['uvicorn']\ntest = ['pytest']\n"
    findings = found(tmp_path, {"requirements.txt": text, "pyproject.toml": declared + extras})

    assert findings.conflicts == ()
    assert set(asked(findings)) == {"asyncpg", "fastapi", "uvicorn"}
    assert findings.server is not None
    assert findings.server.value.place == "default"


def test_pinned_requirements_beside_a_setup_py_decide(tmp_path: Path) -> None:
    setup = "from setuptools import setup\nsetup(name='x', install_requires=['fastapi'])\n"
    pinned = "fastapi==0.115.0\nuvicorn==0.30.0\n"

    assert asked(found(tmp_path, {"setup.py": setup, "requirements.txt": pinned})) == tuple(pinned.split())


def test_a_requirement_on_one_machines_disk_is_refused(tmp_path: Path) -> None:
    text = f"{REQUIREMENTS}lib @ file:///home/me/lib\n"

    assert (
        "lib is installed from file:///home/me/lib"
        in found(tmp_path, {"requirements.txt": text}).blockers[0].text
    )


def test_the_archives_of_find_links_reach_the_build(tmp_path: Path) -> None:
    text = f"--find-links ./wheels\n{REQUIREMENTS}lib==1\n"
    plan = found(tmp_path, {"requirements.txt": text, "wheels/lib-1-py3-none-any.whl": "x"}).dependencies

    assert plan is not None
    assert plan.value.archives == ("wheels/lib-1-py3-none-any.whl",)


def test_a_folder_in_a_pylock_is_refused_by_its_name(tmp_path: Path) -> None:
    rows = "".join(
        f"[[packages]]\nname = '{name}'\nversion = '1'\n" for name in ("fastapi", "uvicorn", "lib")
    )
    files: dict[str, str | bytes] = {
        "pylock.toml": f"lock-version = '1.0'\n{rows}directory = {{ path = 'lib' }}\n",
        "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\ndependencies = ['fastapi', 'lib']\n",
        "lib/lib/__init__.py": "",
        "Dockerfile": "FROM python:3.13\nCOPY . .\nRUN pip install -r pylock.toml\n",
    }

    assert "lib is installed from lib" in found(tmp_path, files).blockers[0].text


def test_a_late_import_of_pkg_resources_is_found(tmp_path: Path) -> None:
    late = "def f():\n    import pkg_resources\n"
    files = {"main.py": f"from parts import x\n{APP}", "parts/__init__.py": "", "parts/x.py": late}

    assert found(tmp_path, files).resources == "parts/x.py"


@pytest.mark.parametrize(
    ("option", "more"),
    [("--all-extras", "[project.optional-dependencies]"), ("--all-groups", "[dependency-groups]")],
)
def test_all_extras_and_groups_that_the_dockerfile_installs_are_installed(
    option: str, more: str, tmp_path: Path
) -> None:
    text = "[project]\nname = 'x'\nversion = '1'\ndependencies = ['fastapi', 'uvicorn']\n"
    run = f"FROM python:3.12\nCOPY . .\nRUN uv sync {option} --no-dev\nCMD uvicorn main:app\n"
    files: dict[str, str | bytes] = {"Dockerfile": run, "requirements.txt": ""}
    findings = found(
        tmp_path, {**files, "pyproject.toml": f"{text}{more}\npg = ['asyncpg']\ntest = ['pytest']\n"}
    )

    assert asked(findings) == ("fastapi", "uvicorn", "asyncpg")


def test_dependencies_that_are_declared_for_conda_are_named(tmp_path: Path) -> None:
    files = {"requirements.txt": "", "environment.yml": "dependencies:\n  - fastapi\n"}

    assert "(environment.yml)" in found(tmp_path, files).blockers[0].text


def test_dependencies_that_only_a_dockerfile_installs_are_taken_from_it(tmp_path: Path) -> None:
    text = (
        "FROM python:3.12\nRUN pip install --upgrade pip && pip install -i https://x.example.org \\\n"
        "    'fastapi[standard]>=0.110' asyncpg==0.30.0\nRUN pip3 install shapely\nCMD uvicorn main:app\n"
    )
    findings = found(tmp_path, {"requirements.txt": "", "Dockerfile": text})

    assert asked(findings) == ("fastapi[standard]>=0.110", "asyncpg==0.30.0", "shapely")
    assert findings.dependencies
    assert findings.dependencies.where == "Dockerfile:2"
    assert not findings.dependencies.value.locked
    assert findings.blockers == findings.notes == ()


def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    key = "-----BEGIN PUBLIC KEY-----\nAA\n"

    assert found(tmp_path, {"jwt.key": key}).ignore.secrets == ()


HEALTH = "from fastapi import FastAPI, Header\nimport os\n%s\n@app.get('/health')\ndef health(%s): ...\n"


@pytest.mark.parametrize(
    ("made", "parameters", "docs", "live"),
    [
        ("app = FastAPI(docs_url='/docs' if os.getenv('X') else None)", "", "", "/health"),
        ("K = {}\napp = FastAPI(**K)", "", "", "/health"),
        (
            "class A(FastAPI):\n    def __init__(self):\n        super().__init__(docs_url=None)\napp = A()",
            "",
            "",
            "/health",
        ),
        ("app = FastAPI(openapi_url=os.getenv('X'))", "", "", "/health"),
        ("app = FastAPI(docs_url='/api/docs')", "", "/api/docs", "/health"),
        ("app = FastAPI()", "key: str = Header(...)", "/docs", ""),
        ("app = FastAPI()", "key: str = Header('x')", "/docs", "/health"),
    ],
)
def test_only_paths_that_answer_are_asserted(
    made: str, parameters: str, docs: str, live: str, tmp_path: Path
) -> None:
    findings = found(tmp_path, {"main.py": HEALTH % (made, parameters)})

    assert (value(findings.docs), value(findings.liveness)) == (docs, live)


@pytest.mark.parametrize(
    ("route", "live"),
    [
        ("@app.api_route('/health', methods=['POST'])", ""),
        ("@app.get('/health-records')", ""),
        ("@app.get('/-/healthy')", "/-/healthy"),
        ("@app.get('/api/service-health')", "/api/service-health"),
    ],
)
def test_a_probe_is_a_get_route_named_like_a_health_check(route: str, live: str, tmp_path: Path) -> None:
    text = f"{APP}{route}\ndef ask(): ...\n"

    assert value(found(tmp_path, {"main.py": text}).liveness) == live


ROUTER = (
    "from fastapi import APIRouter\nclass Shop:\n    def __init__(self):\n"
    "        self.router = APIRouter(prefix='/v1')\n        self.router.add_api_route('/health', self.ask)\n"
    "    def ask(self): ...\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "app.include_router(Shop().router, prefix='/api')\n",
        "shop = Shop()\napp.include_router(shop.router, prefix='/api')\n",
    ],
)
def test_the_routes_of_a_router_that_an_object_holds_are_found(text: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"shop.py": ROUTER, "main.py": f"from shop import Shop\n{APP}{text}"}

    assert value(found(tmp_path, files).liveness) == "/api/v1/health"
