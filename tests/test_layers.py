"""The contract of the layers holds, and an upward import or a circle breaks it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with the contract."""
    shutil.copytree(ROOT / "drydock", tmp_path / "drydock", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )


def add(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text()}\n{line}\n")


def test_the_contract_holds() -> None:
    done = lint(ROOT)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("workspace.py", "from drydock.report import console", "drydock.workspace -> drydock.report"),
        ("verdict.py", "import drydock.gates.gate", "drydock.verdict -> drydock.gates.gate"),
        (
            "engine/apt.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from drydock.image import Image",
            "drydock.engine.apt -> drydock.image",
        ),
    ],
)
def test_an_import_upwards_is_refused(copy: Path, file: str, line: str, broken: str) -> None:
    add(copy / "drydock" / file, line)
    done = lint(copy)

    assert done.returncode == 1
    assert "The layers of drydock BROKEN" in done.stdout
    assert broken in done.stdout


def test_a_circle_inside_a_package_is_refused(copy: Path) -> None:
    add(copy / "drydock/image/file.py", "from drydock.image.model import Layer")
    done = lint(copy)

    assert done.returncode == 1
    assert "No circle inside a package BROKEN" in done.stdout


def test_a_package_without_a_place_is_refused(copy: Path) -> None:
    (copy / "drydock/ballast.py").write_text("WEIGHT = 1\n")
    done = lint(copy)

    assert done.returncode == 1
    assert "drydock.ballast" in done.stdout
