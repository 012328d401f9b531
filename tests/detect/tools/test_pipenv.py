"""Pipenv: a Pipfile whose lock was never made."""

from __future__ import annotations

from pathlib import Path

from drydock.detect import detect
from tests.detect.support import write

PIPFILE = """\
[packages]
fastapi = "*"
uvicorn = {version = "~=0.30", extras = ["standard"]}
mails = {git = "https://example.org/mails.git", ref = "v2"}
shop = {path = ".", editable = true}
[dev-packages]
pytest = "*"
[requires]
python_version = "3.11"
"""


def test_pipfile_without_a_lock_declares_the_dependencies(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "from fastapi import FastAPI\napp = FastAPI()\n", "Pipfile": PIPFILE})
    findings = detect(tmp_path)
    assert findings.dependencies is not None
    plan = findings.dependencies.value

    assert plan.requirements == (
        "fastapi",
        "uvicorn[standard]~=0.30",
        "mails @ git+https://example.org/mails.git@v2",
    )
    assert (plan.files, plan.tool, plan.locked) == (("Pipfile",), "pipenv", False)
    assert findings.python is not None
    assert findings.python.value == "3.11"
    assert not findings.blockers


def test_pipfile_without_packages_declares_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "from fastapi import FastAPI\napp = FastAPI()\n", "Pipfile": "[packages]\n"})

    assert [one.key for one in detect(tmp_path).blockers] == ["dependencies"]
