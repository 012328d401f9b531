"""Licence names of Python and Debian, with one answer for the gate and the SBOM."""

from __future__ import annotations

import json

import pytest

from drydock.gates import licences as gate
from drydock.image import Anatomy, components
from drydock.image.licences import canonical, of_copyright, of_debian, of_metadata
from drydock.publish import sbom
from tests.image.making import anatomy_of

DEP5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
APPROVED = "Classifier: License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LicenseRef-x AND MIT", "LicenseRef-x AND MIT"),
        ("MIT GPL-3.0-only", ""),
        ("MIT)(AGPL-3.0-only", ""),
        ("MIT WITH ISC", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_expression_is_canonical_or_none(text: str, expression: str) -> None:
    assert canonical(text) == expression


@pytest.mark.parametrize(
    ("lines", "expression"),
    [
        (["License-Expression: mit or apache-2.0"], "MIT OR Apache-2.0"),
        (["License-Expression: MIT GPL-3.0-only"], "LicenseRef-MIT-GPL-3.0-only"),
        (["License: BSD-3-Clause", f"{APPROVED}BSD License"], "BSD-3-Clause"),
        (["License: Apache-2.0 OR MIT", f"{APPROVED}MIT License"], "Apache-2.0 OR MIT"),
        (["License: MIT License"], "MIT"),
        (["License: The MIT License (MIT)", "", "Permission is hereby granted"], "MIT"),
        (["License: PSF", f"{APPROVED}Python Software Foundation License"], "PSF-2.0"),
        ([f"{APPROVED}Apache Software License"], "Apache-2.0"),
        ([f"{APPROVED}Mozilla Public License 2.0 (MPL 2.0)"], "MPL-2.0"),
        ([f"{APPROVED}GNU Lesser General Public License v3 or later (LGPLv3+)"], "LGPL-3.0-or-later"),
        ([f"{APPROVED}MIT License", f"{APPROVED}Apache Software License"], "MIT AND Apache-2.0"),
        (["License: Something of ours"], "LicenseRef-Something-of-ours"),
        (["Classifier: License :: OSI Approved"], ""),
        (["Name: x"], ""),
        # A regression: the gate and the SBOM disagreed about these three.
        ([f"{APPROVED}BSD License"], "LicenseRef-BSD-License"),
        (["License: Apache License, Version 2.0"], "Apache-2.0"),
        (["License: Apache 2.0", f"{APPROVED}MIT License"], "Apache-2.0 AND MIT"),
    ],
)
def test_metadata_is_read_in_all_its_forms(lines: list[str], expression: str) -> None:
    assert of_metadata("\n".join(["Metadata-Version: 2.4", *lines, "", "body"])) == expression


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL", "GPL-1.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("Expat", "MIT"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("GPL-2+ or Artistic", "GPL-2.0-or-later OR Artistic-1.0-Perl"),
        ("GPL-2+ or Artistic, and Expat", "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"),
        ("GPL-3+ with GCC-exception-3.1", "GPL-3.0-or-later WITH GCC-exception-3.1"),
        ("GPL-3+ with an exception of theirs", "GPL-3.0-or-later"),
        ("LGPL-2.1+-with-link-exception", "LGPL-2.1-or-later"),
        ("GPL-3+-autoconf-exception", "GPL-3.0-or-later"),
        (
            "GPL-3.0-or-later-WITH-Autoconf-exception-macro",
            "GPL-3.0-or-later WITH Autoconf-exception-macro",
        ),
        ("BSD-3-clause-with-weird-numbering", "LicenseRef-BSD-3-clause-with-weird-numbering"),
        ("Expat, AGPL-3", "MIT AND AGPL-3.0-only"),
        ("BSD-3-clause and/or GPL-3", "BSD-3-Clause AND GPL-3.0-only"),
        ("public-domain", "LicenseRef-public-domain"),
        ("made up", "LicenseRef-made-up"),
        ("BSD (3 clause", "LicenseRef-BSD-3-clause"),
    ],
)
def test_debian_names_become_those_of_spdx(name: str, expression: str) -> None:
    assert of_debian(name) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (
            DEP5 + "Files: *\nLicense: Zlib\n\nFiles: x\nLicense: GPL-2+ or Expat\n\nLicense: Zlib\n text\n",
            "Zlib AND (GPL-2.0-or-later OR MIT)",
        ),
        (DEP5 + "License:\n text only\n", ""),
        (
            "See `/usr/share/common-licenses/LGPL-2.1' and /usr/share/common-licenses/GPL-2.\n",
            "LGPL-2.1-only AND GPL-2.0-only",
        ),
        (
            "version 2, or (at your option) any later\n version; see /usr/share/common-licenses/GPL-2\n",
            "GPL-2.0-or-later",
        ),
        ("All rights reserved.", ""),
    ],
)
def test_copyright_file_names_every_licence_once(text: str, expression: str) -> None:
    assert of_copyright(text) == expression


SITE = "/opt/venv/lib/python3.13/site-packages"


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (f"{APPROVED}BSD License", "LicenseRef-BSD-License"),
        ("License: Apache License, Version 2.0", "Apache-2.0"),
        (f"License: Apache 2.0\n{APPROVED}MIT License", "Apache-2.0 AND MIT"),
    ],
)
def test_gate_and_both_sboms_say_the_same_of_a_distribution(lines: str, refused: str) -> None:
    image = anatomy_of({f"{SITE}/x-1.dist-info/METADATA": f"Name: x\nVersion: 1\n{lines}\n"})
    assert _answers(image, "x") == {refused}


def test_gate_and_both_sboms_say_the_same_of_a_debian_file_that_names_gpl_2() -> None:
    image = anatomy_of(
        {
            "/var/lib/dpkg/status": "Package: x\nStatus: install ok installed\nVersion: 1\n",
            "/usr/share/doc/x/copyright": "Its licence is in /usr/share/common-licenses/GPL-2.\n",
        }
    )
    assert _answers(image, "x") == {"GPL-2.0-only"}


def _answers(image: Anatomy, name: str) -> set[str]:
    """Return the licences named by the gate, CycloneDX and SPDX."""
    (one,) = [one for one in components.find(image).all if one.name == name]
    (finding,) = gate.hold("x", [one], (), {}).findings
    bill = sbom.bill(image)
    (cyclonedx,) = [row for row in json.loads(sbom.cyclonedx(bill))["components"] if row["name"] == name]
    (spdx,) = [row for row in json.loads(sbom.spdx(bill))["packages"] if row["name"] == name]
    told = finding.text.removeprefix("x 1 is under ").removesuffix(f"; {gate.REMEDY}").replace(", ", " AND ")
    return {told, cyclonedx["licenses"][0]["expression"], spdx["licenseDeclared"]}


def test_licence_that_spdx_lacks_is_explained_in_the_document() -> None:
    image = anatomy_of({f"{SITE}/x-1.dist-info/METADATA": f"Name: x\nVersion: 1\n{APPROVED}BSD License\n"})
    (row,) = json.loads(sbom.spdx(sbom.bill(image)))["hasExtractedLicensingInfos"]
    assert row == {
        "licenseId": "LicenseRef-BSD-License",
        "name": "BSD License",
        "extractedText": "BSD License",
    }
