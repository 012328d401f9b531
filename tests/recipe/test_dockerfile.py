"""The template of the Dockerfiles, and this repository's own with the same stages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from drydock.detect import detect
from drydock.project import configured
from drydock.project.dockerfile import instructions
from drydock.recipe import dockerfile, plan
from tests.conftest import ROOT

# Blocks that differ by project; this repository's serve two kinds of lock, and measured bytecode.
OWN = {"drydock", "locks", "assembly", "dependencies", "builder", "test-dependencies", "test"}


@pytest.fixture(scope="module")
def rendered() -> str:
    """The Dockerfile that `init` would write here."""
    return dockerfile.render(plan(detect(ROOT, configured(ROOT))))


def stages(text: str) -> Mapping[str, list[tuple[str, str]]]:
    """Return the instructions of each stage, with uniform white space and mounts."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for one in instructions(text):
        words = " ".join(one.text.split())
        if one.keyword == "FROM":
            name = words.rpartition(" AS ")[2]
        mounted = re.sub(
            r"--mount=type=bind,from=(drydock(,source=assemble)?|assembly),target=\S+", "", words
        )
        found.setdefault(name, []).append((one.keyword, " ".join(mounted.split())))
    return found


def test_the_stages_of_this_repository_are_those_of_the_template(rendered: str) -> None:
    own, written = stages((ROOT / "Dockerfile").read_text()), stages(rendered)

    assert own.keys() - {"assembly", ""} == written.keys() - {""}
    assert {name: block for name, block in own.items() if name not in OWN and name} == {
        name: block for name, block in written.items() if name not in OWN and name
    }


def test_slim_and_production_have_the_same_settings() -> None:
    own = stages((ROOT / "Dockerfile").read_text())
    kinds = (
        "ARG",
        "WORKDIR",
        "ENV",
        "EXPOSE",
        "USER",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
        "STOPSIGNAL",
        "LABEL",
    )
    slim, production = ([one for one in own[name] if one[0] in kinds] for name in ("slim", "production"))

    assert slim == production
    assert len(slim) == len(kinds)


def test_nothing_of_the_template_is_left_and_hadolint_accepts_the_rest(rendered: str, tmp_path: Path) -> None:
    place = tmp_path / "Dockerfile"
    place.write_text(rendered)

    assert not re.search(r"\{[{%#]", rendered)
    subprocess.run(["hadolint", "--failure-threshold", "style", str(place)], check=True)
