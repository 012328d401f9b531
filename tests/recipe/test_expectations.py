"""The expectations that init writes for the gates."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect.errors import Undecided
from drydock.gates.expectations.model import Expectations
from drydock.gates.expectations.read import PLACE, make
from drydock.recipe import expectations
from tests.conftest import write_files
from tests.detect.support import SHAPES, materialise

TODAY = date(2026, 1, 1)


def expected(shape: str, folder: Path) -> Expectations:
    """Return the expectations for an example's image."""
    blueprint = recipe.plan(recipe.decided(materialise(shape, folder / shape), {}))
    return make(tomllib.loads(expectations.render(blueprint)[expectations.PLACE]), shape, TODAY)


def test_it_stands_where_the_gates_look() -> None:
    assert Path(expectations.PLACE) == PLACE


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gates_can_read_it(shape: str, tmp_path: Path) -> None:
    try:
        found = expected(shape, tmp_path)
    except Undecided:
        return  # init writes nothing for these
    assert found.image.ports is not None
    assert found.image.health.test is not None
    assert "MIT" in found.licences.allow


def test_the_image_is_expected_to_start_as_the_dockerfile_says(tmp_path: Path) -> None:
    plan = recipe.plan(recipe.decided(materialise("lock_uv", tmp_path / "shop"), {}))
    [text] = [text for name, text in recipe.render(plan).items() if name.endswith("Dockerfile")]
    starts = re.findall(r"^ENTRYPOINT (.*start\.py.*)$", text, re.M)

    wanted = expected("lock_uv", tmp_path).image.entrypoint
    assert starts
    assert {tuple(json.loads(start)) for start in starts} == {wanted}


def test_what_the_application_runs_may_be_there(tmp_path: Path) -> None:
    plain, running = expected("lock_uv", tmp_path), expected("system_packages", tmp_path)

    assert {"git", "perl*"} <= {*plain.packages.absent} & {*plain.packages.programs_absent}
    assert not {"git", "perl*"} & {*running.packages.absent, *running.packages.programs_absent}
    assert "sh" in running.packages.programs_absent


def test_volumes_of_what_is_written_are_expected(tmp_path: Path) -> None:
    assert expected("lock_uv", tmp_path).image.volumes == ()
    assert expected("writes_sqlite", tmp_path).image.volumes


def test_secrets_must_not_be_in_the_image(tmp_path: Path) -> None:
    project = write_files(
        tmp_path / "shop",
        {
            "requirements.txt": "fastapi\nuvicorn\n",
            "main.py": "import os, fastapi\n\nKEY = os.environ['API_KEY']\napp = fastapi.FastAPI()\n",
        },
    )
    text = expectations.render(recipe.plan(recipe.decided(project, {})))[expectations.PLACE]

    assert "API_KEY" in make(tomllib.loads(text), "shop", TODAY).image.env_absent


def test_what_somebody_expects_stays(tmp_path: Path) -> None:
    folder = materialise("lock_pdm", tmp_path / "shop")
    write_files(folder, {expectations.PLACE: "[licences]\nallow = []\n"})

    recipe.init(folder, {}, force=True)

    assert (folder / expectations.PLACE).read_text() == "[licences]\nallow = []\n"
