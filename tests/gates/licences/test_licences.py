"""Licences: expressions, names in two worlds, and what names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.gates.audit.components import Component
from drydock.gates.licences import archive, gate
from drydock.gates.licences.expressions import not_allowed
from drydock.gates.licences.names import debian_expression, of_copyright, of_metadata

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
    ],
)
def test_expression_is_held_against_the_allow_list(expression: str, refused: list[str]) -> None:
    assert not_allowed(expression, ALLOW) == refused


@pytest.mark.parametrize(
    ("metadata", "expression"),
    [
        ("License-Expression: mit or apache-2.0\n", "MIT OR Apache-2.0"),
        ("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License\n", "BSD-3-Clause"),
        ("License: MIT License\n", "MIT"),
        ("Classifier: License :: OSI Approved :: Apache Software License\n", "Apache-2.0"),
        (
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: Apache Software License\n",
            "MIT AND Apache-2.0",
        ),
        ("Classifier: License :: OSI Approved\n", ""),
        ("License: see the file LICENSE\n", ""),
        ("License-Expression: nonsense licence\n", ""),
        ("Name: x\n", ""),
    ],
)
def test_metadata_is_read_in_all_its_forms(metadata: str, expression: str) -> None:
    assert of_metadata(f"Metadata-Version: 2.4\n{metadata}\nbody") == expression


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("Expat", "MIT"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("GPL-2+ or Artistic", "GPL-2.0-or-later OR Artistic-1.0-Perl"),
        ("GPL-3+ with GCC-Exception", "GPL-3.0-or-later WITH LicenseRef-GCC-Exception"),
        ("public-domain", "LicenseRef-Public-Domain"),
        ("made up", "LicenseRef-made-up"),
    ],
)
def test_debian_names_become_those_of_spdx(name: str, expression: str) -> None:
    assert debian_expression(name) == expression


def test_machine_readable_copyright_names_every_licence_once() -> None:
    text = (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nLicense: Zlib\n\nFiles: debian/*\nLicense: GPL-2+ or Expat\n\nLicense: Zlib\n text\n"
    )
    assert of_copyright(text) == "Zlib AND (GPL-2.0-or-later OR MIT)"


def test_free_copyright_counts_by_the_common_licences_that_it_names() -> None:
    text = "See `/usr/share/common-licenses/LGPL-2.1' and /usr/share/common-licenses/GPL-2.\n"
    assert of_copyright(text) == "LGPL-2.1-only AND GPL-2.0-only"
    assert of_copyright("All rights reserved.") == ""


AGPL, NONE = Component("viral", "1.0"), Component("silent", "2.0")


def test_licence_that_is_not_allowed_fails_and_one_that_is_missing_could_not_be_checked() -> None:
    report = gate.hold("Python distributions", {AGPL: "AGPL-3.0-only", NONE: ""}, ALLOW, {})
    assert [str(one) for one in report.findings] == ["licence viral: viral 1.0 is under AGPL-3.0-only"]
    assert report.faults[0].startswith("silent 2.0 names no licence that is known; declare it in")


def test_declared_licence_wins() -> None:
    report = gate.hold("x", {AGPL: "AGPL-3.0-only", NONE: ""}, ALLOW, {"silent": "MIT", "viral": "BSD-1"})
    assert (report.findings, report.faults) == ((), ())


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
