"""drydock as users install it: the wheel and its dependencies in an empty environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest

import drydock
from drydock.programs import uv
from tests.conftest import ROOT, write_files

MANIFEST = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = tuple(re.findall(r"Python :: (3\.\d+)", "\n".join(MANIFEST["classifiers"])))
SHOP = {
    "requirements.txt": "fastapi==0.165.0\nuvicorn==0.54.0\n",
    "shop/__init__.py": "",
    "shop/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
    "tasks.py": "from drydock.tasks import namespace  # noqa: F401\n",
}


def environment(**more: str) -> dict[str, str]:
    """Return this process's variables without those that lead to this repository or its environment."""
    foreign = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_FIND_LINKS")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    tools = str(Path(sys.executable).parent)
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != tools]
    # pyenv's own commands on PATH start one version; uv finds the others in their folders.
    versions = sorted(Path(os.environ.get("PYENV_ROOT", "/nowhere")).glob("versions/3.*/bin"))
    return {
        **kept,
        "PATH": os.pathsep.join([*map(str, versions), *path]),
        "UV_SYSTEM_CERTS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **more,
    }


def interpreter(version: str) -> str:
    """Return the path of a Python of this version on this machine, or an empty text."""
    return shutil.which(f"python{version}", path=environment()["PATH"]) or ""


PRESENT = {version: path for version in SUPPORTED if (path := interpreter(version))}
OLDEST, NEWEST = next(iter(PRESENT)), next(reversed(PRESENT))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, alone in a folder that serves as an index."""
    folder = tmp_path_factory.mktemp("index")
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.iterdir()
    return found


def with_uv(index: Path, folder: Path, python: str) -> list[str]:
    more = {"UV_TOOL_DIR": f"{folder}/tools", "UV_TOOL_BIN_DIR": f"{folder}/bin"}
    run([uv(), "tool", "install", *links(index), "--python", python, "fastapi-drydock"], folder, **more)
    return [f"{folder}/bin/drydock"]


def with_uvx(index: Path, _folder: Path, python: str) -> list[str]:
    return [
        uv(),
        "tool",
        "run",
        "--quiet",
        *links(index),
        "--python",
        python,
        "--from",
        "fastapi-drydock",
        "drydock",
    ]


def with_pipx(index: Path, folder: Path, python: str) -> list[str]:
    more = {"PIPX_HOME": f"{folder}/pipx", "PIPX_BIN_DIR": f"{folder}/bin"}
    arguments = f"--pip-args=--find-links={index.parent}"
    pipx = [uv(), "tool", "run", "--quiet", "pipx"]
    run([*pipx, "install", "--python", python, arguments, "fastapi-drydock"], folder, **more)
    return [f"{folder}/bin/drydock"]


def with_pip(index: Path, folder: Path, python: str) -> list[str]:
    run([python, "-m", "venv", f"{folder}/venv"], folder)
    pip = [f"{folder}/venv/bin/python", "-m", "pip", "install", "--quiet", "--no-compile"]
    run([*pip, f"--find-links={index.parent}", "fastapi-drydock"], folder)
    return [f"{folder}/venv/bin/drydock"]


def links(index: Path) -> list[str]:
    return ["--find-links", str(index.parent), "--no-config"]


def run(args: list[str], folder: Path, **more: str) -> str:
    done = subprocess.run(
        args, cwd=folder, env=environment(**more), check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("install", "python"),
    [
        *((with_uv, version) for version in PRESENT),
        (with_uvx, NEWEST),
        (with_pipx, OLDEST),
        (with_pip, NEWEST),
    ],
)
def test_each_installer_makes_a_drydock_that_works(
    install: Callable[[Path, Path, str], list[str]], python: str, wheel: Path, tmp_path: Path
) -> None:
    shop = write_files(tmp_path / "shop", SHOP)

    program = install(wheel, tmp_path, PRESENT[python])

    assert run([*program, "--version"], tmp_path) == f"drydock {drydock.version()}\n"
    assert "  build " in run([*program, "--help"], tmp_path)
    # The project is found from any of its folders, and none of it is imported.
    assert "shop.main:app" in run([*program, "explain"], shop / "shop")
    if install is not with_uvx:
        beside = Path(program[0]).with_name("fastapi-drydock")
        assert run([str(beside), "--version"], tmp_path) == f"drydock {drydock.version()}\n"
        code = "import drydock, sys; print(drydock.__file__, *sys.version_info[:2])"
        (started_by, *_) = Path(program[0]).resolve().read_text().removeprefix("#!").split()
        where, *version = run([started_by, "-c", code], tmp_path).split()
        assert Path(where).is_relative_to(tmp_path)
        assert ".".join(version) == python
        # With Invoke installed, two lines in the project offer the same tasks.
        invoke = [str(Path(started_by).with_name("invoke"))]
        assert "Available tasks:" in run([*invoke, "--list"], shop)
        assert run([*invoke, "explain", "--json"], shop) == run([*program, "explain", "--json"], shop)


def test_an_environment_of_another_checkout_is_left_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "run", tmp_path)
    write_files(tmp_path, {"theirs/bin/greet": "#!/bin/sh\necho theirs\n"})
    (tmp_path / "theirs/bin/greet").chmod(0o755)
    (tmp_path / ".venv").symlink_to("theirs")

    assert run([str(tmp_path / "run"), "greet"], tmp_path, DRYDOCK_NO_ENGINE="1") == "theirs\n"


def test_the_script_of_the_document_runs(wheel: Path, tmp_path: Path) -> None:
    document = (ROOT / "docs/how-to/ci.md").read_text(encoding="utf-8")
    (script,) = (
        text for text in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "# /// script" in text
    )
    assert f"fastapi-drydock=={drydock.version()}" in script
    assert f"fastapi-drydock=={drydock.version()} drydock gate" in document
    shop = write_files(tmp_path / "shop", SHOP | {"gates.py": script})

    ran = run([uv(), "run", "--quiet", *links(wheel), "gates.py", "explain"], shop)

    assert "shop.main:app" in ran


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
        scripts = archive.read(name.replace("METADATA", "entry_points.txt")).decode()

    assert metadata["Name"] == "fastapi-drydock"
    assert metadata["Requires-Python"] == f">={SUPPORTED[0]}"
    assert set(re.findall(r"^([\w-]+) = drydock\.cli:main$", scripts, re.MULTILINE)) == {
        "drydock",
        "fastapi-drydock",
    }
    required = {str(line).split(">")[0] for line in metadata.get_all("Requires-Dist", [])}
    assert {"invoke", "nox", "uv", "pre-commit"} <= required


def test_every_supported_python_is_tried_or_named() -> None:
    absent = [version for version in SUPPORTED if version not in PRESENT]

    assert SUPPORTED == ("3.11", "3.12", "3.13", "3.14")
    assert len(PRESENT) >= 1
    for version in absent:
        where = "this machine has none; the session `acceptance` takes a container's"
        warnings.warn(f"drydock was not installed on Python {version} here: {where}", stacklevel=1)
