"""Kinds of projects found in public repositories, each as the smallest example."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from drydock.detect import Findings, detect, examples, tools
from drydock.detect.model import Setting
from drydock.detect.tools import Step
from tests.detect.support import materialise, summary, value, write

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
REQUIREMENTS = "fastapi\nuvicorn\n"
UV_LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "fastapi"
version = "0.115.0"
source = { registry = "https://example.org/simple" }

[[package]]
name = "uvicorn"
version = "0.30.0"
source = { registry = "https://example.org/simple" }
"""

STEP = Step("/locks", "/locks/requirements.txt", "run")


def found(folder: Path, files: dict[str, str | bytes], at: str = ".") -> Findings:
    return detect(write(folder, {"main.py": APP, "requirements.txt": REQUIREMENTS, **files}) / at)


def asked(findings: Findings) -> tuple[str, ...]:
    assert findings.dependencies is not None
    return findings.dependencies.value.requirements


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le-with-mark"])
def test_requirements_are_read_in_the_encodings_that_pip_reads(encoding: str, tmp_path: Path) -> None:
    text = "fastapi==0.115.0\r\nuvicorn==0.30.0  # serves\r\n"
    marked = text.encode("utf-16-le") if encoding.endswith("mark") else text.encode(encoding)
    data = b"\xff\xfe" + marked if encoding.endswith("mark") else marked

    assert asked(found(tmp_path, {"requirements.txt": data})) == ("fastapi==0.115.0", "uvicorn==0.30.0")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_requirements_in_other_encodings_are_locked_from_their_text(encoding: str, tmp_path: Path) -> None:
    plan = found(tmp_path, {"requirements.txt": REQUIREMENTS.encode(encoding)}).dependencies

    assert plan is not None
    assert (plan.value.by_text, plan.value.install) == (True, ("uv", "pip", "install", "fastapi", "uvicorn"))


def test_requirements_with_includes_constraints_options_and_continuations(tmp_path: Path) -> None:
    text = (
        "--index-url https://example.org/simple\n--find-links wheels\n-r base.txt\n--requirement=more.txt\n"
        "-c limits.txt\nhttpx ; python_version < '4'\norjson \\\n    >=3 \\\n    --hash=sha256:00\n"
    )
    files: dict[str, str | bytes] = {"requirements.txt": text, "base.txt": REQUIREMENTS}
    files |= {"more.txt": "jinja2[i18n]\n", "limits.txt": "starlette<1\n"}
    findings = found(tmp_path, files)

    assert sorted(asked(findings)) == sorted(
        ["httpx ; python_version < '4'", "orjson  >=3", "fastapi", "uvicorn", "jinja2[i18n]"]
    )
    assert findings.dependencies is not None
    assert set(findings.dependencies.value.files) == {
        "requirements.txt",
        "base.txt",
        "more.txt",
        "limits.txt",
    }


def test_editable_folder_is_a_root_of_imports_and_brings_its_dependencies(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": f"from tools.words import WORD\n{APP}",
        "requirements.txt": f"{REQUIREMENTS}-e ./libs/tools\n",
        "libs/tools/pyproject.toml": '[project]\nname = "tools"\nversion = "1"\ndependencies = ["httpx"]\n',
        "libs/tools/tools/__init__.py": "",
        "libs/tools/tools/words.py": "WORD = 'x'\n",
    }
    findings = found(tmp_path, files)

    assert findings.python_path.value == (".", "libs/tools")
    assert asked(findings) == ("fastapi", "uvicorn", "httpx")
    assert findings.blockers == ()


@pytest.mark.parametrize("line", ["./wheels/tool-1-py3-none-any.whl", "wheels/tool-1-py3-none-any.whl"])
def test_wheel_of_the_machine_is_refused_by_name(line: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"requirements.txt": f"{REQUIREMENTS}{line}\n"})

    assert [(b.key, "tool-1-py3-none-any.whl" in b.text) for b in findings.blockers] == [("local", True)]


LOCAL_LOCKS: dict[str, dict[str, str | bytes]] = {
    "poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
        'fastapi = "*"\nuvicorn = "*"\ntools = { path = "libs/tools", develop = true }\n',
        "poetry.lock": '[[package]]\nname = "fastapi"\nversion = "1"\n\n[[package]]\nname = "uvicorn"\n'
        'version = "1"\n\n[[package]]\nname = "tools"\nversion = "1"\n[package.source]\n'
        'type = "directory"\nurl = "libs/tools"\n\n[metadata]\npython-versions = "^3.11"\n',
    },
    "pdm": {
        "pyproject.toml": '[project]\nname = "shop"\nrequires-python = ">=3.11"\ndependencies = ["fastapi", '
        '"uvicorn", "tools @ file:///${PROJECT_ROOT}/libs/tools"]\n[tool.pdm]\ndistribution = false\n',
        "pdm.lock": '[metadata]\ngroups = ["default"]\n\n[[package]]\nname = "fastapi"\nversion = "1"\n\n'
        '[[package]]\nname = "uvicorn"\nversion = "1"\n\n[[package]]\nname = "tools"\nversion = "1"\n'
        'path = "./libs/tools"\n',
    },
    "pipenv": {
        "Pipfile": '[packages]\nfastapi = "*"\nuvicorn = "*"\ntools = { path = "./libs/tools" }\n',
        "Pipfile.lock": '{"_meta": {}, "default": {"fastapi": {"version": "==1"}, "uvicorn": {"version": '
        '"==1"}, "tools": {"path": "./libs/tools"}}}',
    },
}
# The lines of these tools' output with a folder of the project, and others.
PRINTED_FOLDERS = (
    "-e file:///locks/tools ; python_version > '3'",
    "tools @ file:///locks/tools",
    "-e .",
    "./tools",
)
PRINTED_OTHERS = ("six==1.17.0", "-e git+https://example.com/six", "six @ https://example.com/six.whl")


@pytest.mark.parametrize("kind", list(LOCAL_LOCKS))
def test_locked_folder_of_the_project_ships_as_source(kind: str, tmp_path: Path) -> None:
    files = {"main.py": f"from tools.words import WORD\n{APP}", **LOCAL_LOCKS[kind]}
    code: dict[str, str | bytes] = {
        "libs/tools/tools/__init__.py": "",
        "libs/tools/tools/words.py": "WORD = 1\n",
    }
    findings = detect(write(tmp_path, files | code))

    plan = findings.dependencies
    assert plan is not None
    assert (findings.blockers, plan.value.kind, plan.value.local) == ((), kind, ("tools",))
    assert findings.python_path.value == (".", "libs/tools")
    assert plan.value.unhashed == (kind == "pdm")  # which prints no hash beside a folder
    (drops,) = [one for one in tools.of(plan.value).steps(plan.value, STEP) if one.startswith("sed ")]
    printed = tmp_path / "requirements.txt"
    printed.write_text("\n".join([*PRINTED_FOLDERS, *PRINTED_OTHERS]))
    subprocess.run([*shlex.split(drops)[:-1], str(printed)], check=True)
    assert printed.read_text().splitlines() == list(PRINTED_OTHERS)


@pytest.mark.parametrize("kind", list(LOCAL_LOCKS))
def test_locked_folder_beside_the_checkout_is_refused_by_its_path(kind: str, tmp_path: Path) -> None:
    there = {name: str(text).replace("libs/tools", "../tools") for name, text in LOCAL_LOCKS[kind].items()}
    findings = detect(write(tmp_path, {"main.py": APP, **there}))

    (blocker,) = findings.blockers
    assert blocker.key == "local"
    assert blocker.fact.startswith("tools is installed from ")
    assert blocker.fact.endswith("../tools")


def test_wheel_of_a_uv_lock_is_refused_by_name(tmp_path: Path) -> None:
    tool = (
        '\n[[package]]\nname = "tool"\nversion = "1"\nsource = { path = "wheels/tool-1-py3-none-any.whl" }\n'
    )
    project = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi", "uvicorn", "tool"]\n'
    findings = found(tmp_path, {"pyproject.toml": project, "uv.lock": UV_LOCK + tool})

    assert [b.fact for b in findings.blockers] == ["tool is installed from wheels/tool-1-py3-none-any.whl"]


def test_wheel_in_the_project_is_installed_from_there(tmp_path: Path) -> None:
    wheel = "wheels/tool-1-py3-none-any.whl"
    project = (
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi", "uvicorn", "tool"]\n'
        f'[tool.uv.sources]\ntool = {{ path = "{wheel}" }}\n'
    )
    tool = f'\n[[package]]\nname = "tool"\nversion = "1"\nsource = {{ path = "{wheel}" }}\n'
    own = '\n[[package]]\nname = "shop"\nversion = "1"\nsource = { virtual = "." }\n'
    shapes: dict[str, dict[str, str | bytes]] = {
        "requirements": {"requirements.txt": f"{REQUIREMENTS}./{wheel}\n"},
        "pyproject": {"pyproject.toml": project},
        "uv": {"pyproject.toml": project, "uv.lock": UV_LOCK + tool + own},
    }
    for kind, files in shapes.items():
        findings = detect(write(tmp_path / kind, {"main.py": APP, wheel: b"PK", **files}))
        plan = findings.dependencies
        assert plan is not None
        assert findings.blockers == ()
        assert (plan.value.kind, plan.value.archives, plan.value.by_text) == (kind, (wheel,), False)
        assert wheel in plan.value.files
        steps = tools.of(plan.value).steps(plan.value, STEP)
        if kind == "uv":
            assert "--no-install-package=shop" in steps[0]
            assert "--no-install-local" not in steps[0]
        else:
            assert "cd /locks" in steps


@pytest.mark.parametrize("inner", ["", "/src"])
def test_member_of_a_workspace_imports_another_of_any_layout(inner: str, tmp_path: Path) -> None:
    member = '[project]\nname = "{}"\nversion = "1"\ndependencies = {}\n'
    files: dict[str, str | bytes] = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/old"]\n',
        "uv.lock": UV_LOCK,
        "packages/api/pyproject.toml": member.format("api", '["fastapi", "uvicorn", "core"]')
        + "[tool.uv.sources]\ncore = { workspace = true }\n",
        "packages/api/shop/main.py": f"from core.names import NAME\n{APP}",
        "packages/core/pyproject.toml": member.format("core", "[]"),
        "packages/api/shop/__init__.py": "",
        f"packages/core{inner}/core/names.py": "NAME = 'x'\n",
        "packages/old/pyproject.toml": member.format("old", "[]"),
    }
    findings = found(tmp_path, files, "packages/api")

    assert (value(findings.entry_point), findings.requested) == ("shop.main:app", "packages/api")
    assert findings.python_path.value == ("packages/api", f"packages/core{inner}")
    assert findings.dependencies is not None
    assert "packages/old/pyproject.toml" not in findings.dependencies.value.files


def test_members_that_share_a_namespace_are_found_by_their_modules(tmp_path: Path) -> None:
    member = '[project]\nname = "shop-{}"\nversion = "1"\ndependencies = {}\n'
    files: dict[str, str | bytes] = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["src/shop/*"]\n',
        "uv.lock": UV_LOCK,
        "src/shop/api/pyproject.toml": member.format("api", '["fastapi", "uvicorn"]'),
        "src/shop/api/shop/api/__init__.py": "",
        "src/shop/api/shop/api/main.py": f"import shop.api.limits\nimport shop.prices\n{APP}",
        "src/shop/api/shop/api/limits.py": "",
        "src/shop/prices/pyproject.toml": member.format("prices", "[]"),
        "src/shop/prices/shop/prices/__init__.py": "",
    }
    findings = found(tmp_path, files, "src/shop/api")

    assert findings.python_path.value == ("src/shop/api", "src/shop/prices")


def test_group_includes_another_group(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi"]\n[dependency-groups]\n'
        'serve = ["uvicorn"]\nproduction = [{ include-group = "serve" }]\n'
        'loop = [{ include-group = "loop" }]\n'
    )
    findings = detect(write(tmp_path, {"main.py": APP, "pyproject.toml": text}), {"groups": "production"})

    assert findings.server is not None
    assert (findings.server.value.place, findings.server.value.selector) == ("group", "production")
    assert asked(findings) == ("fastapi", "uvicorn")


def test_poetry_groups_beside_a_standard_project_are_read(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi"]\n'
        '[tool.poetry.group.serve.dependencies]\nuvicorn = "^0.30"\n'
    )
    findings = detect(write(tmp_path, {"main.py": APP, "pyproject.toml": text}))

    assert findings.server is not None
    assert findings.server.value.selector == "serve"


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"])
def test_every_python_that_files_ask_for_is_taken(version: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {".python-version": f"{version}\n"}

    assert value(found(tmp_path, files).python) == version
    (tmp_path / ".python-version").unlink()
    write(tmp_path, {"Dockerfile": f'FROM python:{version}-slim\nCMD ["uvicorn", "main:app"]\n'})
    assert value(detect(tmp_path).python) == version


def test_python_that_only_a_newer_one_fulfils_is_not_passed_over(tmp_path: Path) -> None:
    text = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = ["fastapi"]\n'
    findings = detect(write(tmp_path, {"main.py": APP, "pyproject.toml": text}))

    assert (value(findings.python), set(findings.python_supported)) == (
        "3.13",
        {"3.12", "3.13", "3.14"},
    )


def test_the_dockerfile_chooses_among_the_pythons_that_locked_wheels_fit(tmp_path: Path) -> None:
    root = materialise("lock_poetry", tmp_path / "shop")
    fit = detect(root).python_supported

    write(root, {"Dockerfile": 'FROM python:3.13-slim\nCMD ["uvicorn", "main:app"]\n'})
    findings = detect(root)

    assert value(findings.python) == "3.13" != fit[0]
    assert set(findings.python_supported) == set(fit)


def test_pin_file_that_the_dockerfile_contradicts_loses_and_is_named(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "runtime.txt": "python-3.10.5\n",
        "Dockerfile": 'FROM python:3.13-slim\nCMD ["uvicorn", "main:app"]\n',
    }
    findings = found(tmp_path, files)

    assert value(findings.python) == "3.13"
    assert [note.where for note in findings.notes] == ["runtime.txt"]


def test_pin_file_wins_where_metadata_refuse_the_dockerfile_s_python(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "pyproject.toml": '[project]\nname = "a"\nversion = "1"\nrequires-python = "<3.12"\n'
        'dependencies = ["fastapi"]\n',
        ".python-version": "3.11\n",
        "Dockerfile": 'FROM python:3.13-slim\nCMD ["uvicorn", "main:app"]\n',
    }

    assert value(found(tmp_path, files).python) == "3.11"


@pytest.mark.parametrize(
    ("field", "required"),
    [
        ("names: Annotated[dict, Field(default_factory=dict)]", False),
        ("names: Annotated[str, Field('x')]", False),
        ("names: Annotated[str, Field(min_length=2)]", True),
        ("names: Annotated[str, Field(...)]", True),
        ("names: str = Field(default_factory=str)", False),
        ("names: str = Field(min_length=2)", True),
        # The container has these: an example would take their place, and no program would be found.
        ("path: str", False),
        ("home: str", False),
    ],
)
def test_setting_is_required_as_pydantic_decides_it(field: str, required: bool, tmp_path: Path) -> None:
    source = (
        "from typing import Annotated\nfrom pydantic import Field\n"
        "from pydantic_settings import BaseSettings\n"
        f"class Settings(BaseSettings):\n    {field}\nsettings = Settings()\n{APP}"
    )
    findings = found(tmp_path, {"main.py": source})

    assert [setting.value.required for setting in findings.settings] == [required]


WRAPPER = (
    "class Regions:\n    def __init__(self, app):\n        self.app = app\n"
    "    async def __call__(self, scope, receive, send):\n        await self.app(scope, receive, send)\n"
)


def test_wrapper_of_any_name_is_what_is_served(tmp_path: Path) -> None:
    source = f"from fastapi import FastAPI\n{WRAPPER}\nservice = FastAPI()\nouter = Regions(service)\n"

    assert value(found(tmp_path, {"main.py": source}).entry_point) == "main:outer"


def test_holder_of_an_application_is_not_a_wrapper(tmp_path: Path) -> None:
    source = "class Holder:\n    def __init__(self, app):\n        self.app = app\n"
    findings = found(tmp_path, {"main.py": f"{APP}\n{source}\nheld = Holder(app)\n"})

    assert summary(findings)["entry_point"] == "main:app"


def test_a_distribution_without_a_wheel_brings_its_headers_and_its_library(tmp_path: Path) -> None:
    findings = found(tmp_path, {"requirements.txt": f"{REQUIREMENTS}gssapi==1.8.3\n"})

    assert [one.value for one in findings.system_build] == ["build-essential", "libkrb5-dev"]
    assert [(one.value, one.where) for one in findings.system_run] == [
        ("libgssapi-krb5-2", "requirements.txt:3")
    ]


def test_compilers_of_a_stage_that_builds_are_installed_for_the_build(tmp_path: Path) -> None:
    dockerfile = (
        "FROM node:22 AS page\nRUN apt-get install -y make\n"
        "FROM python:3.13 AS build\nRUN apt-get update && \\\n"
        "  apt-get --no-install-recommends -y install pkg-config libicu-dev curl\n"
        "FROM python:3.13-slim\nRUN apt-get install libicu76\nCMD uvicorn main:app\n"
    )
    findings = found(tmp_path, {"requirements.txt": REQUIREMENTS, "Dockerfile": dockerfile})

    assert [(one.value, one.where) for one in findings.system_build] == [
        ("pkg-config", "Dockerfile:4"),
        ("libicu-dev", "Dockerfile:4"),
    ]
    assert [(one.value, one.where) for one in findings.system_run] == [("libicu76", "Dockerfile:7")]


def test_fields_of_a_nested_settings_class_are_settings(tmp_path: Path) -> None:
    source = (
        "from pydantic import BaseModel, Field, SecretStr\n"
        "from pydantic_settings import BaseSettings, SettingsConfigDict\n"
        "class Database(BaseModel):\n    host: str = 'localhost'\n    password: SecretStr = SecretStr('x')\n"
        "class Mail(BaseModel):\n    sender: str\n    retries: int = 3\n"
        "class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='__')\n"
        "    database: Database = Field(default_factory=Database)\n    mail: Mail\n"
        f"settings = Settings()\n{APP}"
    )
    settings = found(tmp_path, {"main.py": source}).settings

    assert [(one.value.name, one.value.kind, one.value.required, one.where) for one in settings] == [
        ("MAIL__SENDER", "plain", True, "main.py:7"),
        ("DATABASE__HOST", "plain", False, "main.py:4"),
        ("DATABASE__PASSWORD", "secret", False, "main.py:5"),
        ("MAIL__RETRIES", "plain", False, "main.py:8"),
    ]


DATABASES = [
    ("D = '.user'\nurl = f'sqlite+aiosqlite:///{D}/habits.db'", ".user/habits.db"),
    (
        "from pathlib import Path\nD = Path(__file__).parent\nurl = f'sqlite:///{D}/data/shop.db'",
        "data/shop.db",
    ),
    ("from pathlib import Path\nD = Path(__file__).parent\nurl = f'sqlite:///{D / \"shop.db\"}'", "shop.db"),
    ("def url(path):\n    return f'sqlite:///{path}'", "."),
]


@pytest.mark.parametrize(("code", "place"), DATABASES, ids=["constant", "below a path", "a path", "run time"])
def test_sqlite_url_is_worked_out_as_far_as_it_is_written(code: str, place: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": f"{APP}{code}\n"})

    assert [one.value for one in findings.writable] == [place]


def test_file_whose_name_the_program_holds_is_shipped(tmp_path: Path) -> None:
    code = (
        "from about import root\nversion = (root() / 'pyproject.toml').read_text\n"
        "other = 'nowhere.toml'\nown = 'shop.db'\n"
    )
    files: dict[str, str | bytes] = {
        "shop/main.py": f"{APP}{code}",
        "about.py": "def root(): ...\n",
        "shop.db": "",
        "pyproject.toml": "[project]\nname = 'shop'\n",
    }
    findings = found(tmp_path, {**files, "main.py": ""})

    assert [one.value for one in findings.data_files] == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("f'{BASE}/docs/pages/{name}.md'", "docs/pages"),
        ("BASE + '/docs/pages/' + name", "docs/pages"),
        ("BASE + '/docs/pages/a.md'", "docs/pages/a.md"),
        ("Path(__file__).with_name('docs') / name", "docs"),
    ],
)
def test_folder_at_the_head_of_a_path_is_shipped(path: str, place: str, tmp_path: Path) -> None:
    code = (
        "import os\nfrom pathlib import Path\nBASE = os.path.dirname(__file__)\n"
        f"def page(name): return open({path}).read()\n"
    )
    files: dict[str, str | bytes] = {"main.py": APP + code, "docs/pages/a.md": "a"}

    assert place in [one.value for one in found(tmp_path, files).data_files]


@pytest.mark.parametrize(
    "path", ["docs/a.md", "data set/c d.csv", ".well-known/security.txt", "image/a.woff2"]
)
def test_file_whose_path_is_handed_on_is_shipped(path: str, tmp_path: Path) -> None:
    code = f"def page(name): return (HERE / name).read_text()\nFIRST = page({path!r})\n"

    assert [one.value for one in found(tmp_path, {"main.py": APP + code, path: "a"}).data_files] == [path]


@pytest.mark.parametrize(
    ("call", "files", "written"),
    [
        ("Command({})", {}, ["migrations"]),
        ("Command({}, location='db/steps')", {}, ["db/steps"]),
        ("Command({})", {"migrations/models/0_init.py": ""}, []),
    ],
)
def test_migrations_that_aerich_makes_at_the_start_are_written(
    call: str, files: dict[str, str | bytes], written: list[str], tmp_path: Path
) -> None:
    source = f"from aerich import Command\n{APP}async def start():\n    await {call}.init()\n"
    findings = found(tmp_path, {**files, "main.py": source})

    assert [one.value for one in findings.writable] == written


@pytest.mark.parametrize(
    ("path", "base", "python"),
    [
        ("Dockerfile", "python:3.11-slim-bookworm", "3.11"),
        ("docker/backend.dockerfile", "tiangolo/uvicorn-gunicorn-fastapi:python3.9-slim", "3.9"),
        ("dockerfile", "ghcr.io/astral-sh/uv:python3.12-bookworm-slim", "3.12"),
        ("api.Containerfile", "ghcr.io/astral-sh/uv:0.9.1-python3.14-trixie", "3.14"),
        ("Dockerfile.md", "python:3.11-slim", "3.13"),
        ("Dockerfile", "postgres:17", "3.13"),
    ],
)
def test_base_of_a_dockerfile_names_the_python(path: str, base: str, python: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {path: f"FROM {base}\nCOPY main.py /\n"})

    assert value(findings.python) == python
    assert findings.python is not None
    assert findings.python.where == (f"{path} FROM {base}" if python != "3.13" else "default")


def test_dockerfile_with_a_name_of_its_own_is_evidence_without_another(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"web.dockerfile": "FROM python:3.12\nCMD uvicorn main:app --port 80\n"}
    alone, beside = tmp_path / "alone", tmp_path / "beside"

    assert found(alone, files).port.value == 8080
    assert found(beside, files | {"Dockerfile": "FROM python:3.11\nCOPY . .\n"}).port.value == 8000


def test_dockerfile_of_drydock_is_not_another(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "web.dockerfile": "FROM python:3.12\nCMD uvicorn main:app --port 80\n",
        "Dockerfile": "FROM scratch AS drydock\nFROM python:3.13-slim AS slim\n",
    }

    assert found(tmp_path, files).port.value == 8080


KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("_netrc", "machine a login b password c\n"),
        ("config/.pgpass", "db:5432:shop:shop:secret\n"),
        ("infra/prod.tfstate", "{}\n"),
        ("infra/terraform.tfstate.backup", "{}\n"),
        ("infra/prod.tfvars", 'password = "x"\n'),
        ("serviceAccountKey.json", "{}\n"),
        ("app/shop-firebase-adminsdk-1a.json", '{"type": "service_account"}\n'),
        ("deploy_key", KEY),
        ("secrets/db_password.txt", "word\n"),
        ("token.json", '{"refresh_token": "x"}\n'),
        ("certs/bundle.crt", KEY),
        ("pip.conf", "[global]\nindex-url = https://reader:word@example.org/simple\n"),
    ],
)
def test_secret_is_known_by_its_name_or_by_the_key_in_it(path: str, text: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {path: text})

    assert findings.ignore.secrets == (path,)


@pytest.mark.parametrize("path", ["infra/rules.env", "deploy_key"])
def test_a_secret_that_the_code_reads_is_not_asked_of_the_build(path: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {path: KEY, "main.py": f"{APP}RULES = open('{path}').read()\n"})

    assert path not in findings.ignore.keep
    assert findings.ignore.exposed == (path,)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("certs/ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n"),
        ("example.tfvars", 'password = ""\n'),
        ("notes.txt", "write -----BEGIN PRIVATE KEY----- above the key\n".replace("----- a", "-----a")),
        ("pip.conf", "[global]\nindex-url = https://${WHO}:${WORD}@example.org/simple\n"),
        ("data/type.json", '{"type": "account"}\n'),
        ("secrets/list.html", "<p>\n"),
        ("secrets/rules.py", "RULES = 1\n"),
    ],
)
def test_file_without_a_key_is_no_secret(path: str, text: str, tmp_path: Path) -> None:
    assert found(tmp_path, {path: text}).ignore.secrets == ()


HEALTH = "@app.get('/health')\ndef health(): return {}\n"
HOSTS = "from starlette.middleware.trustedhost import TrustedHostMiddleware\n"


@pytest.mark.parametrize(
    ("code", "host", "path"),
    [
        (
            "import os\nNAMES = os.getenv('NAMES', 'shop.example.org,x').split(',')\n",
            "shop.example.org",
            "/health",
        ),
        (
            "class S:\n    names: list[str] = ['a.example.org']\ns = S()\nNAMES = s.names\n",
            "a.example.org",
            "/health",
        ),
        ("NAMES = ['*']\n", None, "/health"),
        ("import os\nNAMES = os.environ['NAMES'].split(',')\n", None, None),
        ("def names(): return open('x').read().split()\nNAMES = names()\n", None, None),
    ],
)
def test_probes_pass_a_check_of_the_host(
    code: str, host: str | None, path: str | None, tmp_path: Path
) -> None:
    text = f"{HOSTS}{code}{APP}app.add_middleware(TrustedHostMiddleware, allowed_hosts=NAMES)\n{HEALTH}"
    findings = found(tmp_path, {"main.py": text})

    told = (findings.host.value if findings.host else None, findings.liveness and findings.liveness.value)
    assert told == (host, path)
    assert bool(findings.notes) == (path is None)


OWN_CHECK = """\
@app.middleware("http")
async def check(request, call_next):
    host = request.headers.get("host", "").split(":")[0]
    if {test}:
        return Response(status_code={status})
    return await call_next(request)
"""


@pytest.mark.parametrize(
    ("test", "status", "host", "path"),
    [
        ("host not in NAMES", 400, "a.example.org", "/health"),
        ("host not in NAMES", 403, "a.example.org", "/health"),
        ("request.url.hostname != 'b.example.org'", 421, "b.example.org", "/health"),
        ("request.headers['Host'] not in {'c.example.org'}", 400, "c.example.org", "/health"),
        ("host not in open('names').read().split()", 400, None, None),
        ("request.headers.get('x-forwarded-host') == 'd.example.org'", 400, None, "/health"),
        ("host not in NAMES or not request.headers.get('authorization')", 401, "a.example.org", None),
    ],
)
def test_probes_pass_a_check_of_the_host_that_the_project_wrote(
    test: str, status: int, host: str | None, path: str | None, tmp_path: Path
) -> None:
    text = f"NAMES = ['a.example.org']\n{APP}{OWN_CHECK.format(test=test, status=status)}{HEALTH}"
    findings = found(tmp_path, {"main.py": text})

    told = (findings.host.value if findings.host else None, findings.liveness and findings.liveness.value)
    assert told == (host, path)


GUARD = (
    "from fastapi import Depends, Header, HTTPException\n"
    "def key(k: str = Header()):\n    raise HTTPException(401)\n"
)
WALL = "@app.middleware('http')\nasync def wall(request, call_next):\n    return {}\n"
MIDDLEWARE = (
    "from starlette.middleware.base import BaseHTTPMiddleware\n"
    "class Wall(BaseHTTPMiddleware):\n"
    "    async def dispatch(self, request, call_next):\n"
    "        {test}\n"
    "            return PlainTextResponse('no', status.HTTP_401_UNAUTHORIZED)\n"
    "        return await call_next(request)\n"
)
ADDED = "app.add_middleware(Wall)\n"


@pytest.mark.parametrize(
    ("code", "path"),
    [
        (GUARD + APP.replace("FastAPI()", "FastAPI(dependencies=[Depends(key)])"), None),
        (MIDDLEWARE.format(test="if 'x' not in request.headers:") + APP + ADDED, None),
        (MIDDLEWARE.format(test="if request.url.path.startswith('/api'):") + APP + ADDED, "/health"),
        (MIDDLEWARE.format(test="if request.client.host in BANNED:") + APP + ADDED, "/health"),
        (APP + WALL.format("Response(403)"), None),
        (APP + WALL.format("call_next(request)"), "/health"),
        ("from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware\n"
         f"{APP}app.add_middleware(HTTPSRedirectMiddleware)\n", None),
    ],
)  # fmt: skip
def test_probes_ask_no_path_of_an_application_that_refuses_them(
    code: str, path: str | None, tmp_path: Path
) -> None:
    findings = found(tmp_path, {"main.py": code + HEALTH})

    assert (findings.liveness and findings.liveness.value) == path


INNER = "from fastapi import FastAPI\nservice = FastAPI()\n@service.get('/health')\ndef health(): return {}\n"
LAYER = (
    "class Layer:\n    def __init__(self, app): self.app = app\n"
    "    async def __call__(self, s, r, send): await self.app(s, r, send)\n"
)
BY_FUNCTION = (
    "def layered(inner):\n    async def outer(scope, receive, send):\n"
    "        await inner(scope, receive, send)\n    return outer\n"
)
TAGGED = "async def tagged(app, scope, receive, send):\n    await app(scope, receive, send)\n"
PARTIAL = "from functools import partial\napp = partial(tagged, service)\n"
REPORT = "class Report:\n    def __call__(self, a): return a\nr = Report(service)\n"


@pytest.mark.parametrize(
    ("files", "entry"),
    [
        ({"main.py": f"{INNER}{LAYER}app = Layer(app=Layer(service))\n"}, "main:app"),
        ({"main.py": f"{INNER}{LAYER}class Other(Layer):\n    pass\napp = Other(service)\n"}, "main:app"),
        ({"main.py": f"{INNER}from layers import layered\napp = layered(service)\n"}, "main:app"),
        ({"main.py": f"{INNER}{TAGGED}{PARTIAL}"}, "main:app"),
        (
            {
                "main.py": f"{INNER}async def app(scope, receive, send):\n"
                "    await service(scope, receive, send)\n"
            },
            "main:app",
        ),
        (
            {
                "main.py": INNER,
                "server.py": "from layers import Layer\nfrom main import service as s\napp = Layer(s, 3)\n",
            },
            "server:app",
        ),
        (
            {
                "main.py": "from fastapi import FastAPI\ndef build():\n    app = FastAPI()\n"
                "    @app.get('/health')\n    def health(): return {}\n    return app\n",
                "asgi.py": "from layers import Layer\nfrom main import build\napplication = Layer(build())\n",
            },
            "asgi:application",
        ),
        ({"main.py": f"{INNER}{REPORT}"}, "main:service"),
    ],
    ids=["twice", "derived", "function", "partial", "asgi-function", "elsewhere", "of-a-factory", "none"],
)  # fmt: skip
def test_wrapper_is_what_starts(files: dict[str, str | bytes], entry: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"layers.py": LAYER + BY_FUNCTION, **files})

    assert value(findings.entry_point) == entry
    assert value(findings.liveness) == "/health"


IMAGE = "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\n"
STARTED = ("main:app", 9000, ("--root-path", "/shop"))


@pytest.mark.parametrize(
    "files",
    [
        {
            "Dockerfile": f'{IMAGE}CMD ["--port", "9000", "--root-path", "/shop"]\n'
            'ENTRYPOINT ["uvicorn", "main:app"]\n'
        },
        {
            "Dockerfile": f'{IMAGE}ENTRYPOINT ["python", "-m"]\n'
            'CMD ["uvicorn", "main:app", "--port=9000", "--root-path=/shop"]\n'
        },
        {
            "compose.yaml": "services:\n  api:\n    build: .\n    entrypoint: [uvicorn, 'main:app']\n"
            "    command: --port 9000 --root-path /shop\n",
            "Dockerfile": IMAGE,
        },
        {
            "Dockerfile": f'{IMAGE}CMD ["supervisord", "-n"]\n',
            "supervisord.conf": "[supervisord]\nnodaemon=true\n[program:web]\n"
            "command=uvicorn main:app --port 9000 --root-path /shop\ndirectory=/app\n",
        },
        {
            "Dockerfile": f'{IMAGE}CMD ["gunicorn"]\n',
            "gunicorn.conf.py": "wsgi_app = 'main:app'\nbind = ':9000'\nlogconfig = '/shop'\n",
        },
    ],
    ids=["entrypoint", "entrypoint-of-a-module", "compose", "supervisord", "gunicorn"],
)
def test_start_of_two_parts_is_read_as_one(files: dict[str, str | bytes], tmp_path: Path) -> None:
    findings = found(tmp_path, files)

    options = tuple(word.replace("--log-config", "--root-path") for word in value(findings.options) or ())
    told = tuple(part for option in options for part in option.split("="))
    assert (value(findings.entry_point), findings.port.value, told) == STARTED


def test_other_programs_of_supervisord_are_workers(tmp_path: Path) -> None:
    text = "[program:web]\ncommand=uvicorn main:app\n[program:queue]\ncommand=python -m jobs ; in turn\n"
    [worker] = found(tmp_path, {"supervisor/conf.d/shop.conf": text}).workers

    assert (worker.name, worker.value, worker.where) == (
        "queue",
        "python -m jobs",
        "supervisor/conf.d/shop.conf:3",
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("RUN echo $SHA > version.txt", True),
        ("RUN cp config.example.yaml config.yaml", True),
        ("RUN curl -fsSL -o /models/model.bin https://example.org/model.bin", True),
        ("RUN wget -q https://example.org/words.txt", True),
        ("ADD https://example.org/places.mmdb /app/", True),
        ("COPY --from=web /w/dist ./static", True),
        ("RUN curl -fsSL https://example.org/install.sh | sh", False),
        ("RUN curl -o /tmp/tool.deb https://example.org/tool.deb && dpkg -i /tmp/tool.deb", False),
        ("RUN wget https://example.org/tool.deb", False),
        ("RUN wget -qO- https://example.org/key.asc | tee /etc/apt/key.asc", False),
        ("RUN echo 'deb x' > /etc/apt/sources.list.d/x.list", False),
        ("RUN cp /root/.local/bin/uv /usr/local/bin/uv", False),
        ("RUN pip install -r requirements.txt 2>&1 | grep -v x >/dev/null", False),
        ("COPY --from=builder /opt/venv /opt/venv", False),
    ],
)
def test_step_that_makes_a_file_is_noted(line: str, told: bool, tmp_path: Path) -> None:
    stages = "FROM node:20 AS web\nFROM python:3.12 AS builder\n"
    text = f"{stages}{IMAGE}{line}\nCMD uvicorn main:app\n"

    assert bool(found(tmp_path, {"Dockerfile": text}).notes) is told


UVLOOP = '\n[[package]]\nname = "uvloop"\nversion = "0.22.0"\nsource = { registry = "https://e.org" }\n'


@pytest.mark.parametrize(
    ("group", "lock", "requirement", "options"),
    [
        # the server of a development group comes with its extras
        ("uvicorn[standard]", "", "uvicorn[standard]==0.30.0", ("--loop", "uvloop", "--lifespan", "on")),
        ("uvicorn", "", "uvicorn==0.30.0", ("--lifespan", "on")),
        ("uvloop", UVLOOP, "uvicorn", ("--lifespan", "on")),
    ],
)
def test_start_options_keep_to_the_libraries_that_are_installed(
    group: str, lock: str, requirement: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "main.py": APP,
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi"]\n'
        f'[dependency-groups]\ndev = ["{group}"]\n',
        "uv.lock": UV_LOCK + lock,
        "Dockerfile": "FROM python:3.13\nCMD uvicorn main:app --loop uvloop --lifespan on\n",
    }
    findings = detect(write(tmp_path, files))

    assert findings.server is not None
    assert findings.options is not None
    assert (findings.server.value.requirement, findings.options.value) == (requirement, options)
    told = [note.value for note in findings.notes if "--loop uvloop" in note.value]
    assert len(told) == ("--loop" not in options)


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("import os\nfor place in os.walk('docs/pages'): pass\n", "docs/pages"),
        ("import glob\nNAMES = glob.glob('docs/**/*.md')\n", "docs"),
        ("from pathlib import Path\nNAMES = list((Path(__file__).parent / 'docs').rglob('*'))\n", "docs"),
        ("from mako.lookup import TemplateLookup\nT = TemplateLookup(['docs/pages'])\n", "docs/pages"),
        ("import importlib\ndef load(n): return importlib.import_module(f'docs.{n}')\n", "docs"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'docs.make'])\n", "docs/make.py"),
        ("import subprocess\nsubprocess.run(['python', 'docs/make.py'])\n", "docs/make.py"),
    ],
)  # fmt: skip
def test_folder_that_is_listed_or_run_is_data(code: str, path: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"docs/make.py": "", "docs/pages/a.md": "a\n", "main.py": code + APP}
    findings = found(tmp_path, files)

    assert [item.value for item in findings.data_files] == [path]


def test_module_that_a_function_imports_is_kept(tmp_path: Path) -> None:
    late = "@app.get('/x')\ndef x():\n    from tests.factories import make\n    return make()\n"
    files: dict[str, str | bytes] = {
        "main.py": APP + late,
        "tests/__init__.py": "",
        "tests/factories.py": "from tests.words import WORD\ndef make(): return WORD\n",
        "tests/words.py": "WORD = 1\n",
        "tests/test_main.py": "",
    }
    keep = found(tmp_path, files).ignore.keep

    assert {name for name in keep if name.startswith("tests")} == {
        "tests/__init__.py",
        "tests/factories.py",
        "tests/words.py",
    }


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("from loguru import logger\nlogger.add('logs/shop.log')\n", "logs/shop.log"),
        ("import logging\nlogging.basicConfig(filename='logs/shop.log')\n", "logs/shop.log"),
        ("import os, diskcache\ndiskcache.Cache(os.path.join(os.getcwd(), 'kept'))\n", "kept"),
        ("import shelve\nshelve.open('kept/shelf')\n", "kept/shelf"),
        ("import chromadb\nchromadb.PersistentClient(path='vectors')\n", "vectors"),
        ("from peewee import SqliteDatabase\nDB = SqliteDatabase('shop.db')\n", "shop.db"),
        (
            "LOGGING = {'handlers': {'f': {'class': 'logging.FileHandler', 'filename': 'logs/shop.log'}}}\n",
            "logs/shop.log",
        ),
    ],
)
def test_log_file_is_written(code: str, path: str, tmp_path: Path) -> None:
    assert [item.value for item in found(tmp_path, {"main.py": code + APP}).writable] == [path]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("run(['bash', '-c', 'echo'])", "bash, which is a program of the base"),
        ("run(['ls'] + ['-l'])", "ls, which is a program of the base"),
        ("run(['./scripts/report.sh'])", "report.sh, which is run by a shell"),
        ("check_output(WORDS)", "ps, which no image has"),
        ("run(shlex.split('uptime -p'))", "uptime, which no image has"),
        ("run(['alembic', 'upgrade', 'head'])", ""),
        ("run([sys.executable, '-V'])", ""),
        ("run(['bin/tool', '-v'])", "a file that /usr/bin/env starts"),
        ("run(os.path.join(os.path.dirname(__file__), 'bin/tool'))", "a file that /usr/bin/env starts"),
        ("run(['bin/python'])", ""),
    ],
)
def test_called_program_that_an_image_lacks_is_noted(call: str, told: str, tmp_path: Path) -> None:
    code = f"import os, shlex, subprocess, sys\nWORDS = ['ps', 'aux']\ndef f(): subprocess.{call}\n"
    files: dict[str, str | bytes] = {"main.py": code + APP, "bin/tool": "#!/usr/bin/env python3\n"}
    notes = [
        note.value for note in found(tmp_path, files | {"bin/python": "#!/opt/venv/bin/python3\n"}).notes
    ]

    assert len(notes) == bool(told)
    assert all(told in note for note in notes)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("HOST = os.getenv('HOST', 'db.internal')", True),
        ("HOST = os.getenv('HOST', '127.0.0.1')", False),
        ("PORT = os.getenv('PORT', '5432')", True),
        ("PORT = os.getenv('PORT', '8000')", False),
        ("LOG = os.getenv('ACCESS_LOG', 'access.log')", True),
        ("LOG = os.getenv('LOG_LEVEL', 'debug')", False),
    ],
)
def test_setting_that_the_images_start_reads_is_noted(code: str, told: bool, tmp_path: Path) -> None:
    assert bool(found(tmp_path, {"main.py": f"import os\n{code}\n{APP}"}).notes) is told


def test_example_of_a_host_leaves_the_server_reachable() -> None:
    assert examples.example(Setting("HOST", "plain", required=True)) == "0.0.0.0"


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("import httpx\nC = httpx.Client()\nKEYS = C.get('https://example.org')\n", "httpx.get"),
        ("import httpx\nKEYS = httpx.Client().get('https://example.org')\n", "httpx.get"),
        (
            "from requests import Session\nS = Session()\nKEYS = S.get('https://example.org')\n",
            "requests.get",
        ),
        ("import redis\nR = redis.Redis()\nR.ping()\n", "redis.ping"),
        ("import socket\nS = socket.create_connection(('db', 5432))\n", "socket.create_connection"),
        ("import httpx\nC = httpx.Client()\ndef later(): return C.get('https://example.org')\n", ""),
        ("import redis\nR = redis.Redis()\n", ""),
    ],
)
def test_client_that_asks_the_network_at_import_is_refused(code: str, asked: str, tmp_path: Path) -> None:
    facts = [blocker.fact for blocker in found(tmp_path, {"main.py": code + APP}).blockers]

    assert [fact.partition("(")[0] for fact in facts] == [asked][: bool(asked)]


@pytest.mark.parametrize(
    "start",
    [
        "    uvicorn.run(Layer(service), port=9000)\n",
        "    layered = Layer(app=service)\n    uvicorn.run(layered, port=9000)\n",
    ],
)
def test_wrapper_that_is_made_where_the_server_starts_is_noted(start: str, tmp_path: Path) -> None:
    text = f"import uvicorn\n{INNER}{LAYER}if __name__ == '__main__':\n{start}"
    findings = found(tmp_path, {"main.py": text})

    assert (value(findings.entry_point), findings.port.value) == ("main:service", 9000)
    assert "Layer(…)" in findings.notes[0].value


def test_console_scripts_of_the_project_are_found_where_their_modules_are(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "pyproject.toml": "[project]\nname = 'shop'\ndependencies = ['fastapi', 'uvicorn']\n"
        "[project.scripts]\nshop-admin = 'shop.admin:main'\nshop-gone = 'gone:main'\n"
        "[tool.poetry.scripts]\nold = 'shop:cli.run'\n",
        "src/shop/__init__.py": "",
        "src/shop/admin.py": "def main(): ...\n",
        "src/shop/main.py": APP,
    }
    findings = detect(write(tmp_path, files))

    assert findings.scripts == {"old": "shop:cli.run", "shop-admin": "shop.admin:main"}


@pytest.mark.parametrize(("default", "told"), [("de", True), ("C.UTF-8", False)])
def test_setting_that_the_image_sets_is_noted(default: str, told: bool, tmp_path: Path) -> None:
    code = f"import os\nWORDS = os.getenv('LANG', {default!r})\n"
    notes = [note.value for note in found(tmp_path, {"main.py": code + APP}).notes]

    assert notes == ["the image sets LANG=C.UTF-8, which wins over this setting's default de"] * told


def test_the_only_fastapi_application_wins_among_those_that_are_started(tmp_path: Path) -> None:
    socket = "from starlette.routing import Router\n\n\ndef make():\n    return Router()\n"
    start = 'import uvicorn\n\nif __name__ == "__main__":\n    uvicorn.run("{}", factory=True)\n'
    web = "from fastapi import FastAPI\n\n\ndef make():\n    return FastAPI()\n"
    files = {"web/__init__.py": web, "web/__main__.py": start.format("web:make")}
    files |= {"live/__init__.py": socket, "live/__main__.py": start.format("live:make")}
    findings = detect(write(tmp_path, {**files, "requirements.txt": "fastapi\nuvicorn\n"}))

    assert (value(findings.entry_point), findings.conflicts) == ("web:make", ())
    assert [(note.value, note.where) for note in findings.notes] == [
        ("live:make is started too, and is not an application of FastAPI", "live/__main__.py:4")
    ]


@pytest.mark.parametrize(
    ("files", "written"),
    [
        (
            {".env.example": "# Local\nexport DATABASE_URL='sqlite+aiosqlite:///./data/shop.db'\n"},
            ["data/shop.db"],
        ),
        ({"example.env": "DATABASE_URL = sqlite:///shop.db"}, ["shop.db"]),
        ({".env.example": "DATABASE_URL=sqlite://"}, []),
        ({".env.example": "DATABASE_URL=postgresql://u:p@db/shop"}, []),
        (
            {".env": "DATABASE_URL=sqlite:///shop.db", ".env.dist": "DATABASE_URL=postgresql://u:p@db/shop"},
            [],
        ),
        ({".env.example": "#DATABASE_URL=sqlite:///shop.db\nOTHER_URL=sqlite:///other.db"}, []),
        ({"tests/.env": "DATABASE_URL=sqlite:///shop.db"}, []),
    ],
)
def test_sqlite_of_an_example_of_variables_is_written(
    files: dict[str, str | bytes], written: list[str], tmp_path: Path
) -> None:
    source = "import os\n" + APP + "url = os.environ['DATABASE_URL']\n"

    assert [one.value for one in found(tmp_path, {"main.py": source, **files}).writable] == written


def test_default_of_a_setting_wins_over_an_example_of_variables(tmp_path: Path) -> None:
    source = "import os\n" + APP + "url = os.getenv('DATABASE_URL', 'postgresql://u:p@db/shop')\n"
    files: dict[str, str | bytes] = {"main.py": source, ".env.example": "DATABASE_URL=sqlite:///shop.db"}

    assert found(tmp_path, files).writable == ()


@pytest.mark.parametrize(
    ("install", "locked"),
    [
        ("uv pip install --system -e .", False),
        ("uv pip install -r pyproject.toml", False),
        ("pip install '.[all]'", False),
        ("uv sync --frozen", True),
        ("pip install gunicorn", True),
    ],
)
@pytest.mark.parametrize("wanted", ["uvicorn>=0.44", "httpx"])
def test_stale_lock_that_the_dockerfile_passes_over_is_not_installed(
    wanted: str, install: str, locked: bool, tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "pyproject.toml": f'[project]\nname = "shop"\ndependencies = ["fastapi", "{wanted}"]\n',
        "uv.lock": UV_LOCK,
        "Dockerfile": f"FROM python:3.13\nCOPY . .\nRUN {install}\nCMD uvicorn main:app\n",
    }
    findings = detect(write(tmp_path, {"main.py": APP, **files}))

    assert findings.dependencies is not None
    assert findings.dependencies.value.locked == locked
    notes = [note.where for note in findings.notes if "uv.lock is stale" in note.value]
    assert notes == ([] if locked else ["Dockerfile:3"])


def test_lock_that_fits_is_installed_though_the_dockerfile_passes_it_over(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "main.py": APP,
        "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["fastapi", "uvicorn"]\n',
        "uv.lock": UV_LOCK,
        "Dockerfile": "FROM python:3.13\nCOPY . .\nRUN pip install .\nCMD uvicorn main:app\n",
    }

    assert detect(write(tmp_path, files)).dependencies.value.locked  # type: ignore[union-attr]


def test_dockerfile_that_a_pin_file_contradicts_leaves_the_other_versions(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM python:3.12-slim\nCOPY . .\nCMD uvicorn main:app\n",
        ".python-version": "3.13\n",
        "pyproject.toml": '[project]\nrequires-python = ">=3.12"\ndependencies = ["fastapi"]\n',
    }
    findings = detect(write(tmp_path, {"main.py": APP, **files}))

    assert value(findings.python) == findings.python_supported[0] == "3.12"
    assert "3.13" in findings.python_supported
