"""An image for another architecture is built, judged and weighed under emulation, on a base of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock import base
from drydock.base.make import EMULATORS
from drydock.detect.project import load
from drydock.engine import Engine
from tests.conftest import write_files
from tests.support.images import remove_repository

PLATFORM = "linux/arm64"
# Made once on a machine, in six minutes; a build takes five.
pytestmark = [
    pytest.mark.live,
    pytest.mark.acceptance,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not (EMULATORS / "qemu-aarch64").exists(),
        reason="no emulator of arm64 is registered here: the package qemu-user-static registers one",
    ),
]


@pytest.fixture(scope="module")
def shop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with budgets of its own for this platform."""
    name = f"drydock-test-{uuid.uuid4().hex[:12]}"
    manifest = (
        f'[project]\nname = "shop"\nversion = "1.4.2"\nrequires-python = ">=3.11"\n'
        f'dependencies = ["fastapi", "uvicorn"]\n[tool.drydock]\nimage = "{name}"\n'
        f'[tool.drydock.budgets."production {PLATFORM}"]\non-disk-mb = 111\n'
    )
    app = (
        "import platform\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        '@app.get("/health")\ndef health() -> dict[str, str]:\n    return {"machine": platform.machine()}\n'
    )
    yield write_files(tmp_path_factory.mktemp("shop"), {"pyproject.toml": manifest, "main.py": app})
    remove_repository(engine, name)


def drydock(shop: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "drydock.cli", *words, f"--platform={PLATFORM}", "--json"]
    done = subprocess.run(command, cwd=shop, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_image_is_of_the_asked_platform_like_its_base(engine: Engine, shop: Path) -> None:
    built = drydock(shop, "build")

    assert built["budget_on_disk"] == 111_000_000
    assert engine.sdk.images.get(built["image_id"]).attrs["Architecture"] == "arm64"
    assert base.look(engine, built["base"], PLATFORM) is not None
    # The engine's own keeps its name.
    assert built["base"] != load(shop).base


def test_it_starts_answers_and_stops(shop: Path) -> None:
    verdicts = drydock(shop, "gate", "smoke,size_budget", "--target=production")["verdicts"]

    assert {one["gate"]: one["outcome"] for one in verdicts} == dict.fromkeys(
        ("smoke", "size_budget"), "passed"
    )
