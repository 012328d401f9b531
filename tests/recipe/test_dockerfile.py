"""The Dockerfile that `init` writes."""

from __future__ import annotations

import re

import pytest

from drydock.detect import detect
from drydock.project import configured
from drydock.recipe import dockerfile, packaged, plan
from tests.conftest import ROOT


def test_own_dockerfile_is_what_init_writes_apart_from_marked_parts() -> None:
    blueprint = plan(detect(ROOT, configured(ROOT)))
    written = dockerfile.render(packaged.dockerfile(), blueprint)
    varying = {name: text for name, text in dockerfile.parts(blueprint).items() if name in dockerfile.VARYING}

    own = dockerfile.fill((ROOT / "Dockerfile").read_text(), varying)
    own = re.sub(
        r"^# </?[a-z-]+>\n", "", own.replace(dockerfile.OPENING, dockerfile.OPENING_ELSEWHERE), flags=re.M
    ).replace(dockerfile.SCRIPTS, "COPY image/ /\n")

    assert written == own.rstrip("\n") + "\n"


@pytest.mark.parametrize("name", dockerfile.parts(plan(detect(ROOT, configured(ROOT)))))
def test_every_part_is_marked_once(name: str) -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert (text.count(f"# <{name}>\n"), text.count(f"# </{name}>\n")) == (1, 1)


def test_every_argument_stands_in_the_dockerfile() -> None:
    text = (ROOT / "Dockerfile").read_text()
    names = dockerfile.arguments(plan(detect(ROOT, configured(ROOT))))

    assert [name for name in names if not re.search(rf"^ARG (?:.* )?{name}=", text, re.M)] == []
    assert dockerfile.PORT in text
    assert dockerfile.SCRIPTS in text
    assert dockerfile.SLIM in text
    assert dockerfile.OPENING in text
