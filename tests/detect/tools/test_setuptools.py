"""setuptools: a setup.cfg that alone declares the dependencies."""

from __future__ import annotations

from pathlib import Path

from drydock.detect import detect
from drydock.detect.model import Found
from tests.detect.support import write

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
SETUP_CFG = """\
[metadata]
name = shop
[options]
packages = find:
python_requires = >=3.11,<3.13
install_requires =
    fastapi>=0.115
    uvicorn ; python_version >= "3.9"
[options.extras_require]
mails = aiosmtplib
"""
SETUP_PY = "from setuptools import setup\n\nsetup()\n"


def test_setup_cfg_declares_as_setup_py_does(tmp_path: Path) -> None:
    write(tmp_path, {"shop/main.py": APP, "setup.cfg": SETUP_CFG, "setup.py": SETUP_PY})
    findings = detect(tmp_path, {"extras": "mails"})
    assert findings.dependencies is not None
    plan = findings.dependencies.value

    assert plan.requirements == ("fastapi>=0.115", 'uvicorn ; python_version >= "3.9"', "aiosmtplib")
    assert plan.files == ("setup.cfg", "setup.py")
    assert findings.python == Found("3.12", "setup.cfg [options] python_requires", findings.python.why)  # type: ignore[union-attr]
    assert findings.installation.value.build_files == ("setup.py", "setup.cfg")
    assert not findings.blockers


def test_setup_cfg_can_name_a_requirements_file(tmp_path: Path) -> None:
    configuration = "[options]\ninstall_requires = file: needs/base.txt, needs/web.txt\n"
    files: dict[str, str | bytes] = {"needs/base.txt": "fastapi\n", "needs/web.txt": "uvicorn\n"}
    write(tmp_path, {"main.py": APP, "setup.cfg": configuration, **files})
    plan = detect(tmp_path).dependencies

    assert plan is not None
    assert plan.value.requirements == ("fastapi", "uvicorn")


def test_setup_cfg_of_a_linter_declares_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": APP, "setup.cfg": "[flake8]\nmax-line-length = 100\n"})

    assert [one.key for one in detect(tmp_path).blockers] == ["dependencies"]
