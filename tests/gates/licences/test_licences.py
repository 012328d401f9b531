"""Licences: expressions, names of Python and Debian, and missing names."""

from __future__ import annotations

import io
import re
import tarfile
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drydock.detect import project
from drydock.engine import Engine
from drydock.gates import licences as gate
from drydock.gates.expectations.read import load
from drydock.gates.licences import archive, not_allowed
from drydock.image.components import Component
from drydock.image.licences import of_copyright
from drydock.recipe.templates import fill
from tests.conftest import ROOT

ALLOW = ("MIT", "Apache-2.0", "BSD-*")


@pytest.mark.parametrize(
    ("expression", "refused"),
    [
        ("MIT", []),
        ("mit", []),
        ("BSD-3-Clause", []),
        ("AGPL-3.0-only", ["AGPL-3.0-only"]),
        ("MIT OR AGPL-3.0-only", []),
        ("MIT AND AGPL-3.0-only", ["AGPL-3.0-only"]),
        ("GPL-2.0-only OR MIT AND AGPL-3.0-only", ["GPL-2.0-only", "AGPL-3.0-only"]),
        ("(GPL-2.0-only OR MIT) AND Apache-2.0", []),
        ("(GPL-2.0-only OR MIT) AND (ISC OR Zlib)", ["ISC", "Zlib"]),
        ("GPL-3.0-only WITH GCC-exception-3.1", ["GPL-3.0-only"]),
        ("Apache-2.0 WITH LLVM-exception AND MIT", []),
        ("", [""]),
        # Text that is not an expression, or has a token too many, is refused despite its valid start.
        ("MIT GPL-3.0-only", ["MIT GPL-3.0-only"]),
        ("MIT)(AGPL-3.0-only", ["MIT)(AGPL-3.0-only"]),
        ("MIT OR", ["MIT OR"]),
        ("MITT", ["MITT"]),
        ("LicenseRef-BSD-like", ["LicenseRef-BSD-like"]),
    ],
)
def test_expression_is_held_against_the_allow_list(expression: str, refused: list[str]) -> None:
    assert not_allowed(expression, ALLOW) == refused


AGPL, NONE = Component("viral", "1.0", licence="AGPL-3.0-only"), Component("silent", "2.0")


def test_licence_that_is_not_allowed_fails_and_one_that_is_missing_could_not_be_checked() -> None:
    report = gate.hold("Python distributions", [AGPL, NONE], ALLOW, {})
    assert [str(one) for one in report.findings] == [
        f"licence viral: viral 1.0 is under AGPL-3.0-only; {gate.REMEDY}"
    ]
    assert report.faults[0].startswith("silent 2.0 names no known licence; declare it in")


def test_declared_licence_wins() -> None:
    report = gate.hold("x", [AGPL, NONE], ALLOW, {"silent": "MIT", "viral": "BSD-1-Clause"})
    assert (report.findings, report.faults) == ((), ())


@pytest.mark.parametrize("text", ["MIT GPL-3.0-only", "MIT)(AGPL-3.0-only", "AGPL-3.0-only", "our own"])
def test_declared_licence_is_checked_like_any_other(text: str) -> None:
    report = gate.hold("x", [NONE], ALLOW, {"silent": text})
    assert [str(one) for one in report.findings] == [
        f"licence silent: silent 2.0 is under {text}; {gate.REMEDY}"
    ]


def test_copyright_file_comes_from_the_archive_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(packages: list[Component], codename: str) -> dict[Component, str]:
        fetched.extend(one.name for one in packages)
        return {one: "License text" for one in packages if one != NONE}

    monkeypatch.setattr(archive, "_fetch", fetch)
    for _ in range(2):
        assert archive.fetch([AGPL, NONE], "trixie", tmp_path) == {AGPL: "License text"}
    assert fetched == ["viral", "silent", "silent"]


def test_real_archive_gives_the_copyright_file_of_a_package(tmp_path: Path) -> None:
    netbase = Component("netbase", "6.5", "all")
    texts = archive.fetch([netbase], "trixie", tmp_path)
    assert of_copyright(texts[netbase]) == "GPL-2.0-only"


def written() -> Any:
    """Return what a project gets that has written no list of its own."""
    lists = dict.fromkeys(("workdir", "volumes", "secrets", "packages", "programs", "pythons"), "[]")
    text = fill("expectations.template", lists | {"blueprint": SimpleNamespace(port=1)})
    return tomllib.loads(text)["licences"]


@pytest.mark.live
def test_the_written_list_allows_every_package_of_the_bases_that_are_here(
    engine: Engine, python_image: str
) -> None:
    lists = [*written()["allow"], *written()["allow-debian"]]
    refused = {}
    for image in {python_image, *(tag for one in engine.sdk.images.list("local/python") for tag in one.tags)}:
        container = engine.sdk.containers.create(image, "never")
        try:
            chunks, _ = container.get_archive("/usr/share/doc")
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive_file:
                for member in archive_file:
                    if re.fullmatch(r"doc/[^/]+/copyright", member.name) and member.isfile():
                        file = archive_file.extractfile(member)
                        assert file is not None
                        expression = of_copyright(file.read().decode(errors="replace"))
                        refused[image, member.name] = not_allowed(expression, lists) if expression else []
        finally:
            container.remove()

    assert len(refused) > 50
    assert {place: names for place, names in refused.items() if names} == {}


def test_no_default_allows_every_licence_that_spdx_lacks() -> None:
    for allowed in (load(project.load(ROOT)).licences.__dict__, written()):
        lists = [*allowed["allow"], *allowed.get("allow_debian", ()), *allowed.get("allow-debian", ())]
        assert not_allowed("LicenseRef-anything", lists) == ["LicenseRef-anything"]
        assert not_allowed("AGPL-3.0-only", lists) == ["AGPL-3.0-only"]
