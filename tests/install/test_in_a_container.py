"""drydock on a Python that this machine lacks: installed in a container of the Debian release that has it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import drydock
from drydock import base
from drydock.base import make
from drydock.engine import Engine
from drydock.progress import silent
from tests.conftest import write_files
from tests.install.test_install import NEWEST, PRESENT, SHOP, SUPPORTED, run, wheel

__all__ = ["wheel"]
pytestmark = [pytest.mark.live, pytest.mark.acceptance]

# As the README has it installed with pip, with nothing from the network.
STEPS = """\
python3 -m venv /tmp/venv
PATH=/tmp/venv/bin:$PATH
pip install --quiet --no-compile --no-index --find-links=/wheels fastapi-drydock
python --version
drydock --version
fastapi-drydock --version
drydock --help
cd /shop/shop
drydock explain
cd ..
invoke explain --json
"""
IMPORTS = """\
import importlib, pkgutil, drydock
for one in pkgutil.walk_packages(drydock.__path__, "drydock."):
    if ".container" not in one.name and not one.name.endswith("__main__"):
        importlib.import_module(one.name)
print("every module")
"""


@pytest.fixture
def image(engine: Engine, request: pytest.FixtureRequest) -> str:
    """A base with this Python, made once on a machine, as those that builds use."""
    version = request.param
    plan = make.plan(engine, base.official(version))
    if isinstance(plan, str):
        pytest.skip(f"no Python {version} here, and no base with it: {plan}")
    if not base.look(engine, plan.reference):
        make.make(engine, plan, silent)
    return plan.reference


@pytest.mark.parametrize(
    ("image", "version"),
    [(version, version) for version in SUPPORTED if version not in PRESENT],
    indirect=["image"],
)
def test_pip_installs_a_drydock_that_works(image: str, version: str, wheel: Path, tmp_path: Path) -> None:
    shop = write_files(tmp_path / "shop", SHOP | {"imports.py": IMPORTS})
    wheels = tmp_path / "wheels"
    pip = [PRESENT[NEWEST], "-m", "pip", "download", "--quiet", f"--python-version={version}"]
    pip += ["--only-binary=:all:", f"--dest={wheels}", f"--find-links={wheel.parent}", "fastapi-drydock"]
    run(pip, tmp_path)
    container = ["docker", "run", "--rm", "--network=none", f"--volume={wheels}:/wheels:ro"]
    container += [f"--volume={shop}:/shop:ro", image, "sh", "-euc"]

    done = subprocess.run(
        [*container, f"{STEPS}python -W error imports.py"], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"Python {re.escape(version)}\.\d+", lines[0])
    assert lines[1:3] == [f"drydock {drydock.version()}"] * 2
    assert any(line.startswith("  build ") for line in lines)
    assert any(line.startswith("entry point ") and "shop.main:app" in line for line in lines)
    assert '"entry_point"' in done.stdout
    assert lines[-1] == "every module"
