"""The parts of the files that differ between projects, each with an example of tests/apps."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from drydock import recipe
from drydock.detect import Setting, detect, examples
from drydock.detect.explain import explain_lines
from drydock.gates.security.history import check_dockerfile
from drydock.progress import REMARK
from drydock.project import configured
from drydock.project import ignore as dockerignore
from drydock.project.dockerfile import arguments, instructions
from drydock.recipe import dockerfile, manifests, packaged, resolution, resolve
from drydock.recipe.blueprint import Blueprint, Storage
from drydock.recipe.recipes import CHECKED
from tests.conftest import write_files
from tests.detect.support import materialise
from tests.support.clone import ROOT
from tests.verify import cases

# Examples for which `init` needs no options.
DECIDED = [case.name for case in cases.examples() if not case.is_refused]

MIGRATE = f"python3 -m alembic --config='the shop.ini' {'x' * 80} upgrade head"
APPLICATION = "from fastapi import FastAPI\n\napp = FastAPI()\n"


def drawn(shape: str, folder: Path) -> Blueprint:
    root = materialise(shape, folder / shape)
    return recipe.plan(detect(root, configured(root)))


def drawn_of(files: dict[str, str], folder: Path) -> Blueprint:
    """Return the blueprint of a project that requires FastAPI and uvicorn."""
    root = write_files(folder / "shop", {"requirements.txt": "fastapi\nuvicorn\n", **files})
    return recipe.plan(detect(root, configured(root)))


def stage(blueprint: Blueprint, name: str) -> str:
    """Return a stage of a project's Dockerfile, each command on one line."""
    rest = dockerfile.render(blueprint).partition(f" AS {name}\n")[2]
    return re.sub(r"(?<!;) \\\n *", " ", re.split(r"\n\n|\n(?:#.*\n)*FROM ", rest)[0])


@pytest.mark.parametrize("shape", DECIDED)
@pytest.mark.parametrize("outside", [True, False])
def test_wide_lines_are_continued_and_say_the_same(
    shape: str, outside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blueprint = replace(
        drawn(shape, tmp_path), migrate=f'sh -c "echo a\\\\ b; {MIGRATE}"', workers={"w": MIGRATE}
    )
    text = dockerfile.render(blueprint, outside=outside)
    monkeypatch.setattr(dockerfile, "WIDTH", 10_000)
    wide = dockerfile.render(blueprint, outside=outside)

    assert max(map(len, wide.splitlines())) > 120
    # A quoted value is one word of the shell.
    assert [line for line in text.splitlines() if len(line) > 120 and MIGRATE not in line] == []
    assert dockerfile_words(text) == dockerfile_words(wide)
    assert arguments(text)["APP_MIGRATE"] == blueprint.migrate


def dockerfile_words(text: str) -> list[tuple[str, list[str]]]:
    return [(one.keyword, one.text.split()) for one in instructions(text)]


@pytest.mark.parametrize(
    ("shape", "copied", "installed"),
    [
        ("lock_uv", "COPY pyproject.toml uv.lock /", "uv sync --project=/locks "),
        ("lock_poetry", "poetry.lock /", "/tool/bin/poetry export "),
        ("lock_pdm", "pdm.lock /", "/tool/bin/python3 /install/export_pdm.py export "),
        ("lock_pipenv", "Pipfile.lock /", "/tool/bin/pipenv requirements --hash "),
        ("requirements_unpinned", "COPY requirements.txt /", "uv pip install --python=/opt/venv "),
        (
            "setup_py",
            "COPY setup.py /",
            "uv pip install --python=/opt/venv --requirement=setup.py",
        ),
    ],
)
def test_every_kind_of_declaration_has_its_step(
    shape: str, copied: str, installed: str, tmp_path: Path
) -> None:
    blueprint = drawn(shape, tmp_path)

    assert copied in stage(blueprint, "locks")
    assert installed in stage(blueprint, "dependencies")


def test_a_workspaces_member_is_installed_from_its_lock(tmp_path: Path) -> None:
    root = materialise("lock_uv_workspace", tmp_path / "shop")
    blueprint = recipe.plan(detect(root / "services/api"))

    assert "COPY services/api/pyproject.toml /services/api/" in stage(blueprint, "locks")
    assert "--no-install-local --no-default-groups --package api;" in stage(blueprint, "dependencies")
    assert "\nCOPY services/api/ /rootfs/app/\n" in dockerfile.render(blueprint)


def test_downloads_stand_on_the_base_itself(tmp_path: Path) -> None:
    # Below a RUN with a secret, BuildKit reads every file of a root that is not the base's.
    for text, names in (
        (dockerfile.render(drawn("layout_src", tmp_path)), ("tools", "dependencies", "project")),
        ((ROOT / "Dockerfile").read_text(), ("tools", "dependencies")),
    ):
        rows = list(instructions(text))
        after = {one.text: following for one, following in pairwise(rows) if one.keyword == "FROM"}

        base = after["${PYTHON_IMAGE} AS python"]
        assert (base.keyword, rows[rows.index(base) + 1].keyword) == ("ENV", "FROM")
        for name in names:
            first = after[f"python AS {name}"]
            assert (first.keyword, "--mount=type=secret,id=ca" in first.text) == ("RUN", True)


def test_a_build_after_a_change_of_source_mounts_no_context(tmp_path: Path) -> None:
    # BuildKit links such a step with all earlier ones that mounted a context: each build would take longer.
    for text in (dockerfile.render(drawn("layout_src", tmp_path)), (ROOT / "Dockerfile").read_text()):
        stages = re.findall(r"^FROM (?:\S+ AS (\S+)|.*)\n((?:(?!FROM ).*\n)*)", text, re.M)
        changing = {name for name, block in stages if " divide " in block or "from=builder" in block}
        assert changing == {"builder", "slim", "traced", "production", "test-dependencies"}
        assert not [name for name, block in stages if name in changing and "from=drydock" in block]
        # The source lies on a step that few builds share.
        assert "--chown=${SOURCE_SHARD} /drydock /drydock\n" in dict(stages)["builder"]


def test_a_locked_project_gets_a_locked_server(tmp_path: Path) -> None:
    lock = "fastapi==0.165.0 \\\n    --hash=sha256:00\n"
    blueprint = drawn_of({"main.py": APPLICATION, "requirements.txt": lock}, tmp_path)

    text = stage(blueprint, "dependencies")
    assert "/install/difference.py /install/uvicorn.txt /opt/venv --any-version > /tmp/server.txt" in text
    assert "--no-deps --require-hashes --requirement=/tmp/server.txt" in text
    assert "\nuvicorn==" in packaged.helpers(text, "image")["image/install/uvicorn.txt"]


@pytest.mark.parametrize(
    ("python", "first", "asked"),
    [
        ("3.11", "import pkg_resources", "/opt/venv main.py > "),
        ("3.11", "import resources", "/opt/venv > "),
        ("3.12", "import pkg_resources", ""),
    ],
)
def test_older_pythons_bring_setuptools_where_something_imports_it(
    python: str, first: str, asked: str, tmp_path: Path
) -> None:
    files = {
        "main.py": f"{first}\n{APPLICATION}",
        "requirements.txt": "fastapi\nuvicorn\n",
        ".python-version": python,
    }
    text = stage(drawn_of(files, tmp_path), "dependencies")

    asks = f"python3 /install/undeclared.py /install/setuptools.txt {asked}/tmp/undeclared.txt"  # noqa: S108
    assert (asks in text) is bool(asked)
    assert ("--requirement=/tmp/undeclared.txt" in text) is bool(asked)


def test_a_version_from_git_is_a_build_argument(tmp_path: Path) -> None:
    application = dockerfile.render(drawn("install_version_from_git", tmp_path))

    assert "ARG APP_VERSION=0.0.0\n" in application
    assert "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP=$APP_VERSION " in application
    assert "--no-deps --target=/rootfs/app /project" in application


def test_a_project_is_built_with_the_locked_tools_alone(tmp_path: Path) -> None:
    blueprint = replace(drawn("install_version_from_git", tmp_path), build_lock="requirements-build.lock")
    application = " ".join(dockerfile.render(blueprint).replace("\\\n", "").split())

    assert "--mount=type=bind,source=requirements-build.lock,target=/build.lock" in application
    assert "uv build --wheel --require-hashes --build-constraints=/build.lock " in application
    assert "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP=$APP_VERSION " in application
    assert "--no-deps --target=/rootfs/app --no-index /tmp/wheel/*.whl" in application


def test_compilers_stay_in_the_builder_and_programs_reach_the_image(tmp_path: Path) -> None:
    blueprint = drawn("system_packages", tmp_path)
    text = dockerfile.render(blueprint)

    builder, _, rest = text.partition("\nFROM dependencies AS compiled")
    assert "build-essential libpq-dev libpq5 git" in " ".join(builder.replace("\\\n", "").split())
    assert "build-essential" not in rest
    assert "--no-install-recommends libpq5 git \\" in rest
    # The packages whose programs and data production has.
    one_line = " ".join(rest.replace("\\\n", "").split())
    assert 'dependencies "${EXTRA_FILES}" "libpq5 git shared-mime-info unzip"' in one_line
    assert '\nARG EXTRA_FILES="libpq.so.5 git /usr/lib/git-core"\n' in text


def test_what_is_for_development_is_not_shipped(tmp_path: Path) -> None:
    files = {
        "main.py": APPLICATION,
        "config.yaml": "a: 1\n",
        "tests/test_main.py": "",
        "conftest.py": "",
        "docs/index.md": "",
        "README.md": "",
        "Makefile": "",
        "compose.yaml": "services: {}\n",
        "web/package.json": "{}",
        ".env": "SECRET=1\n",
        "local.env": "SECRET=1\n",
        "id_rsa": "",
        "dev.db": "",
    }

    blueprint = drawn_of(files, tmp_path)

    assert blueprint.entries == ("config.yaml", "main.py")
    assert blueprint.tests == ("conftest.py", "tests")


def test_what_the_application_uses_is_shipped_whatever_its_name(tmp_path: Path) -> None:
    files = {
        "main.py": 'from docs.text import TITLE\n\nREADME = open("README.md").read()\n' + APPLICATION,
        "docs/text.py": 'TITLE = "Shop"\n',
        "README.md": "shop\n",
    }

    assert drawn_of(files, tmp_path).entries == ("README.md", "docs", "main.py")


def test_paths_beside_the_code_keep_their_places(tmp_path: Path) -> None:
    files = {
        "backend/app/__init__.py": "",
        "backend/app/main.py": (
            "from pathlib import Path\nfrom fastapi.staticfiles import StaticFiles\n"
            + APPLICATION
            + 'app.mount("/s", StaticFiles(directory=Path(__file__).parents[2] / "static"))\n'
        ),
        "backend/requirements.txt": "fastapi\nuvicorn\n",
        "static/index.html": "",
    }
    root = write_files(tmp_path / "shop", files)

    blueprint = recipe.plan(detect(root))

    assert (blueprint.source, blueprint.base) == ("backend", ".")
    assert blueprint.import_path == ("/app/backend",)
    assert blueprint.entries == ("backend/app", "static")


SQLITE = 'import sqlite3\n\nsqlite3.connect("{}")\n'


@pytest.mark.parametrize(
    ("path", "storage"),
    [
        ("data/shop.db", Storage(folders=("/app/data",))),
        ("shop.db", Storage(folders=("/data",), links={"/app/shop.db": "/data/shop.db"})),
    ],
)
def test_a_database_beside_the_code_gets_a_volume(path: str, storage: Storage, tmp_path: Path) -> None:
    blueprint = drawn_of({"main.py": APPLICATION + SQLITE.format(path)}, tmp_path)

    assert blueprint.storage == storage
    assert blueprint.replicas == 1


def test_volumes_by_hand_win(tmp_path: Path) -> None:
    files = {
        "main.py": APPLICATION + SQLITE.format("shop.db"),
        "drydock.toml": 'volumes = ["var", "/srv/shop"]\n',
    }

    assert drawn_of(files, tmp_path).storage == Storage(folders=("/app/var", "/srv/shop"))


@pytest.mark.parametrize(
    ("volumes", "replicas", "told"),
    [
        ('["data", "cache"]', 1, "one only (set by hand: volumes; it writes data, which"),
        ("[]", 2, "safe (default; it writes no files of its own)"),
    ],
)
def test_volumes_by_hand_decide_the_replicas(volumes: str, replicas: int, told: str, tmp_path: Path) -> None:
    files = {"main.py": APPLICATION, "drydock.toml": f"volumes = {volumes}\n"}

    assert drawn_of(files, tmp_path).replicas == replicas
    shop = tmp_path / "shop"
    [line] = (one for one in explain_lines(detect(shop, configured(shop))) if one.startswith("replicas"))
    assert told in line


def test_the_build_sees_what_is_shipped_and_no_secret(tmp_path: Path) -> None:
    root = materialise("layout_static_beside_project", tmp_path / "shop")
    hidden = dict.fromkeys(["app/.env", "app/tls.key", "app/__pycache__/main.pyc", "app/token.json"], "")
    hidden |= dict.fromkeys(["secrets-live.yaml", "app/credentials.live.json"], "")
    write_files(root, {**hidden, "notes.txt": "", "app/secret_menu.json": ""})
    files = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]

    text = recipe.render(recipe.plan(detect(root)))["Dockerfile.dockerignore"]

    seen = set(files) - dockerignore.excluded(dockerignore.patterns(text), files)
    data = {"notes.txt", "app/secret_menu.json", "static/.gitkeep"}
    assert seen == {"app/__init__.py", "app/main.py", "requirements.txt", *data}


def test_a_long_gitignore_hides_no_file_that_the_build_reads(tmp_path: Path) -> None:
    root = materialise("lock_uv", tmp_path / "shop")
    write_files(root, {".gitignore": "".join(f"scratch{number}/\n" for number in range(300)) + "last.txt\n"})

    texts = recipe.render(recipe.plan(detect(root)))
    [text] = [text for name, text in texts.items() if name.endswith(".dockerignore")]

    files = ["uv.lock", "pyproject.toml", "scratch7/x", "last.txt"]
    hidden = dockerignore.excluded(dockerignore.patterns(text), files)
    assert hidden == {"scratch7/x", "last.txt"}


def build_sources(text: str) -> set[str]:
    """Return the context's paths that a Dockerfile requires, except the whole context."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    found = {word for line in lines for word in re.findall(r"--mount=type=bind,source=([^,\s]+)", line)}
    for line in lines:
        if line.startswith("COPY ") and "--from=" not in line:
            found |= {word for word in line.split()[1:-1] if not word.startswith("--")}
    paths = {posixpath.normpath(path) for path in found}
    return {path for path in paths if path != "." and "[" not in path}


def initialised(shape: str, folder: Path, *, lock: bool) -> Blueprint:
    """Return `init`'s blueprint, without asking an index for versions."""
    blueprint = recipe.plan(recipe.decided(materialise(shape, folder / shape), {}))
    return resolution.expected(blueprint)[0] if lock else blueprint


@pytest.mark.parametrize("shape", DECIDED)
def test_everything_that_a_build_downloads_is_checked_by_hash(shape: str, tmp_path: Path) -> None:
    text, _ = recipe.render(initialised(shape, tmp_path, lock=True)).values()

    assert list(check_dockerfile(text)) == []


@pytest.mark.parametrize("shape", DECIDED)
@pytest.mark.parametrize("lock", [True, False], ids=["locked by init", "as declared"])
def test_whatever_the_dockerfile_reads_reaches_the_build(shape: str, lock: bool, tmp_path: Path) -> None:
    files = recipe.render(initialised(shape, tmp_path, lock=lock))
    text, rules = files.values()
    assert text.count("\n") < 120  # the header adds one

    read = build_sources(text)

    assert read
    assert not dockerignore.excluded(dockerignore.patterns(rules), read)


def objects(blueprint: Blueprint, name: str) -> list[dict[str, object]]:
    text = manifests.render(blueprint)[f"{manifests.FOLDER}/{name}"]
    return list(yaml.safe_load_all(text))


def test_settings_become_placeholders_by_what_they_look_like(tmp_path: Path) -> None:
    blueprint = drawn("settings_at_import", tmp_path)

    [secret] = objects(blueprint, "base/secret.yaml")
    settings = manifests.render(blueprint)[f"{manifests.FOLDER}/base/settings.env"]
    assert secret["stringData"] == {"SHOP_API_TOKEN": "SET-ME", "SHOP_DATABASE_URL": "SET-ME"}
    assert "\nAWS_REGION=SET-ME\nLOG_LEVEL=SET-ME\n" in settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://user:password@database/name"),
        ("REDIS_URL", "redis://redis:6379/0"),
        ("API_BASE_URL", "https://example.com"),
        ("ADMIN_EMAIL", "somebody@example.com"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "10"),
        ("SECRET_KEY", "example-example-example-example-example"),
    ],
)
def test_an_example_has_the_form_that_its_name_suggests(name: str, value: str) -> None:
    assert examples.example(Setting(name, "plain", required=True)) == value


@pytest.mark.parametrize(
    ("name", "annotation", "value"),
    [
        ("DATABASE_ASYNC_URL", "PostgresDsn", "postgresql://user:password@database/name"),
        ("CACHE", "RedisDsn", "redis://redis:6379/0"),
        ("MAIL_PORT", "int", "8000"),
        ("MAIL_COPIES", "int", "10"),
        ("CONTACT", "EmailStr", "somebody@example.com"),
        ("HOME_PAGE", "AnyHttpUrl | None", "https://example.com"),
        ("ORIGINS", "list[str]", "[]"),
        ("SIGNING_KEY", "SecretStr", "example-example-example-example-example"),
        ("MODE", "Literal['fast', 'safe']", "fast"),
        ("STAGE", "Stage", "local"),
    ],
)
def test_an_example_is_of_the_annotated_type(name: str, annotation: str, value: str, tmp_path: Path) -> None:
    settings = (
        "from enum import StrEnum\nfrom typing import Literal\n"
        "from pydantic import AnyHttpUrl, EmailStr, PostgresDsn, RedisDsn, SecretStr\n"
        "from pydantic_settings import BaseSettings\n\n"
        "class Stage(StrEnum):\n    LOCAL = 'local'\n    LIVE = 'live'\n\n"
        f"class Settings(BaseSettings):\n    {name}: {annotation}\n\n"
        "settings = Settings()\n"
    )
    main = "from config import settings\nfrom fastapi import FastAPI\n\napp = FastAPI()\n"
    write_files(tmp_path, {"config.py": settings, "main.py": main, "requirements.txt": "fastapi\nuvicorn\n"})

    [setting] = [found.value for found in detect(tmp_path).settings]

    assert setting.required
    assert examples.example(setting) == value


def test_a_default_is_its_own_example() -> None:
    assert examples.example(Setting("WORKERS", "plain", required=False, default="2")) == "2"


def container(blueprint: Blueprint) -> dict[str, object]:
    [deployment] = objects(blueprint, "base/deployment.yaml")
    found: dict[str, object] = deployment["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    return found


def test_probes_ask_the_routes_that_were_found(tmp_path: Path) -> None:
    found = container(drawn("probe_database_only", tmp_path))

    assert found["livenessProbe"]["tcpSocket"] == {"port": "http"}  # type: ignore[index]
    assert found["readinessProbe"]["httpGet"]["path"] == "/health"  # type: ignore[index]


def test_one_writer_is_replaced_and_never_doubled(tmp_path: Path) -> None:
    blueprint = drawn("writes_uploads", tmp_path)

    [deployment] = objects(blueprint, "base/deployment.yaml")
    spec: dict[str, object] = deployment["spec"]  # type: ignore[assignment]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "base/storage.yaml" in " ".join(manifests.render(blueprint))
    assert "autoscaler.yaml" not in " ".join(manifests.render(blueprint))


@pytest.mark.parametrize(
    ("code", "job", "variables"),
    [("", True, []), ("open('data/log.txt', 'w')\n", False, [{"name": "RUN_MIGRATIONS", "value": "1"}])],
    ids=["stateless", "on a volume"],
)
def test_migrations_become_a_job_or_with_a_volume_a_step_of_the_start(
    code: str, job: bool, variables: list[dict[str, str]], tmp_path: Path
) -> None:
    files = {
        "main.py": f"from fastapi import FastAPI\napp = FastAPI()\n{code}",
        "requirements.txt": "fastapi\nuvicorn\nalembic\n",
        "alembic.ini": "[alembic]\nscript_location = db\n",
        "db/env.py": "",
    }
    blueprint = drawn_of(files, tmp_path)

    assert ("deploy/kubernetes/base/migration.yaml" in manifests.render(blueprint)) == job
    assert container(blueprint).get("env", []) == variables
    assert ' APP_MIGRATE="python3 -m alembic upgrade head"' in dockerfile.render(blueprint)


def test_each_worker_is_a_deployment_that_runs_once(tmp_path: Path) -> None:
    files = {
        "main.py": APPLICATION,
        "requirements.txt": "fastapi\nuvicorn\nrq\n",
        "Procfile": "web: uvicorn main:app\nworker: rq worker mails\nclock: rq scheduler\n",
    }
    found = manifests.render(drawn_of(files, tmp_path))
    worker = yaml.safe_load(found["deploy/kubernetes/base/worker-worker.yaml"])

    assert worker["spec"]["template"]["spec"]["containers"][0]["args"] == ["worker"]
    assert (worker["spec"]["replicas"], worker["spec"]["strategy"]) == (1, {"type": "Recreate"})
    resources = yaml.safe_load(found["deploy/kubernetes/base/kustomization.yaml"])["resources"]
    assert {"worker-worker.yaml", "worker-clock.yaml"} <= set(resources)
    assert "deploy/kubernetes/worker.yaml" not in found


@pytest.mark.parametrize("image", ["Shop_API", "acme/shop.api", "1shop", "x" * 80])
def test_a_kubernetes_name_is_legal(image: str) -> None:
    name = manifests.kubernetes_name(image)

    assert name.replace("-", "").isalnum()
    assert name == name.lower()
    assert name[0].isalpha()
    assert len(name) <= 63


def test_packages_named_for_another_debian_release_are_taken_where_they_exist(tmp_path: Path) -> None:
    text = dockerfile.render(drawn("entry_dockerfile", tmp_path))

    taken = "$(apt-cache pkgnames | grep -Fx -e gcc -e libpq-dev -e ffmpeg)"
    assert f"--no-install-recommends \\\n        {taken} \\\n" in text


@pytest.mark.parametrize("shape", ["lock_uv", "lock_poetry", "lock_pdm", "lock_pipenv"])
def test_pytest_is_pinned_where_groups_for_development_may_lack_it(shape: str, tmp_path: Path) -> None:
    text = stage(drawn(shape, tmp_path), "test-dependencies")

    assert "|| sh /install/download.sh uv pip install --python=/opt/venv --target=/opt/test --no-deps" in text
    assert "\npytest==" in packaged.helpers(text, "image")["image/install/pytest.txt"]


@pytest.mark.parametrize(
    ("shape", "code", "ends"),
    [
        ("lock_poetry", 1, 0),
        ("lock_uv", 1, 0),
        ("lock_poetry", 2, 1),
        ("requirements_pinned", 1, 1),
        ("lock_uv", 0, 0),
    ],
)
def test_a_lock_that_contradicts_its_packages_is_named_and_kept(
    shape: str, code: int, ends: int, tmp_path: Path
) -> None:
    text = stage(drawn(shape, tmp_path), "dependencies")
    (check,) = re.findall(r"(uv pip check .*)", text)
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin/uv"
    lacks = "The package `pendulum` requires `time-machine>=2.6 ; x != 'y'`, but it's not installed"
    uv.write_text(f'#!/bin/sh\ncat >&2 <<"END"\nFound 1 incompatibility\n{lacks}\nEND\nexit {code}\n')
    uv.chmod(0o755)
    line = f"set -eu; {check.replace(CHECKED, str(tmp_path / 'check.txt'))}"

    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", line], env={"PATH": path}, capture_output=True, text=True, check=False)

    assert min(done.returncode, 1) == ends
    told = [one.removeprefix(REMARK) for one in done.stdout.splitlines() if one.startswith(REMARK)]
    lock = {"lock_poetry": "poetry.lock", "lock_uv": "uv.lock"}.get(shape)
    named = f"{lock} contradicts a package in it: {lacks.removeprefix('The package ')}"
    assert told == ([named] if lock and code else [])
    assert code == 0 or lacks.removeprefix("The package ") in done.stdout + done.stderr


def test_a_pinned_patch_release_has_the_exports_markers_hold(tmp_path: Path) -> None:
    shop = '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "3.11.7"\nfastapi = "*"\n'
    lock = '[[package]]\nname = "fastapi"\nversion = "0.115.6"\n[metadata]\npython-versions = "3.11.7"\n'
    files = {"main.py": APPLICATION, "pyproject.toml": shop, "poetry.lock": lock}
    root = write_files(tmp_path, files)

    found = detect(root)
    blueprint = recipe.plan(found)

    # The lock was made for another release than the base's, which may be why a package is missing.
    assert stage(blueprint, "dependencies").endswith("uv pip check --python=/opt/venv")
    assert found.notes[0].value == "any release of Python 3.11 is taken for 3.11.7"
    assert "uv pip sync --python=/opt/venv --python-version=3.11.7 --require-hashes /tmp" in stage(
        blueprint, "dependencies"
    )


@pytest.mark.parametrize(
    ("code", "folders"),
    [
        # files without an extension count as files, even if their name begins with a dot
        (
            'open("data/.token", "w").write("x")\nopen("state/counter", "w").write("1")\n',
            ("/app/data", "/app/state"),
        ),
        # a path inside a volume needs no other volume
        ('Path("data").mkdir()\nPath("data/images").mkdir()\n', ("/app/data",)),
        # outside the project, at a place that the program sets
        ('Path(os.getenv("STORE", Path("/var/shop")), "up").mkdir()\n', ("/var/shop/up",)),
        ('open("/tmp/lock", "w").write("x")\n', ()),
    ],
)
def test_what_is_written_gets_a_volume_for_its_folder(
    code: str, folders: tuple[str, ...], tmp_path: Path
) -> None:
    files = {"main.py": f"import os\nfrom pathlib import Path\n\n{code}{APPLICATION}"}

    assert drawn_of(files, tmp_path).storage == Storage(folders)


def test_no_volume_is_made_for_a_secret(tmp_path: Path) -> None:
    files = {"main.py": 'from pathlib import Path\n\nPath(".env").write_text("A=1")\n' + APPLICATION}

    assert drawn_of(files, tmp_path).storage == Storage()


def test_probes_ask_with_a_host_that_the_application_lets_through(tmp_path: Path) -> None:
    source = (
        "from fastapi import FastAPI\nfrom starlette.middleware.trustedhost import TrustedHostMiddleware\n\n"
        "app = FastAPI()\napp.add_middleware(TrustedHostMiddleware, allowed_hosts=['api.example.org'])\n\n\n"
        "@app.get('/health')\ndef health(): ...\n"
    )
    blueprint = drawn_of({"main.py": source, "requirements.txt": "fastapi\nuvicorn\n"}, tmp_path)
    [deployment] = objects(blueprint, "base/deployment.yaml")

    assert str(deployment).count("'httpHeaders': [{'name': 'Host', 'value': 'api.example.org'}]") == 3
    assert " HEALTH_HOST=api.example.org " in recipe.render(blueprint)["Dockerfile"]


def test_options_of_the_start_command_are_handed_to_the_build(tmp_path: Path) -> None:
    procfile = "web: uvicorn main:app --root-path /shop --forwarded-allow-ips '*' --port 80\n"
    blueprint = drawn_of({"main.py": APPLICATION, "Procfile": procfile}, tmp_path)

    assert (
        """ APP_OPTIONS="--root-path /shop --forwarded-allow-ips '*'" """
        in recipe.render(blueprint)["Dockerfile"]
    )


def test_requirements_in_utf16_and_local_folders_are_locked_from_what_they_ask_for(tmp_path: Path) -> None:
    write_files(tmp_path, {"main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"})
    (tmp_path / "requirements.txt").write_bytes("fastapi\r\nuvicorn\r\n".encode("utf-16"))
    blueprint = recipe.plan(detect(tmp_path))
    planned = resolve.planned(blueprint)

    assert resolve.is_needed(blueprint)
    assert (planned.lock, planned.declared) == ("requirements.lock", ())
    assert "uv pip install --python=/opt/venv fastapi uvicorn" in recipe.render(blueprint)["Dockerfile"]


def test_a_library_that_a_wheel_opens_by_name_reaches_production(tmp_path: Path) -> None:
    files = {
        "main.py": "from fastapi import FastAPI\nfrom wand.image import Image\n\napp = FastAPI()\n",
        "requirements.txt": "fastapi\nuvicorn\nwand\n",
    }
    text = dockerfile.render(drawn_of(files, tmp_path))

    assert "--no-install-recommends libmagickwand-7.q16-10 " in " ".join(text.replace("\\\n", "").split())
    assert '\nARG EXTRA_FILES="libMagickWand-7.Q16.so.10 /usr/lib/*/ImageMagick-* ' in text
