"""Poetry's own table becomes requirements."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from drydock.detect.requirements import versions
from drydock.detect.tools.poetry import requirements


@pytest.mark.parametrize(
    ("poetry", "pep440"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.*", "==1.2.*"),
        ("1.2.3", "==1.2.3"),
        (">= 1.0 <2", ">=1.0,<2"),
        (">=1, <2", ">=1,<2"),
        ("~=1.4", "~=1.4"),
        ("*", ""),
        ("^1 || ^2", ""),
        ("latest", ""),
    ],
)
def test_a_range_means_the_same(poetry: str, pep440: str) -> None:
    assert versions(poetry) == pep440


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("^0.115", ["shop>=0.115,<0.116"]),
        ({"version": "*", "extras": ["standard"]}, ["shop[standard]"]),
        ({"git": "https://example.com/shop", "tag": "v1"}, ["shop @ git+https://example.com/shop@v1"]),
        ({"url": "https://example.com/shop.whl"}, ["shop @ https://example.com/shop.whl"]),
        ({"version": "1", "python": ">=3.9"}, ["shop==1 ; python_full_version >= '3.9'"]),
        (
            {"version": "1", "markers": "extra == 'a' or extra == 'b'", "platform": "linux"},
            ["shop==1 ; (extra == 'a' or extra == 'b') and (sys_platform == 'linux')"],
        ),
        ([{"version": "1"}, {"version": "2"}], ["shop==1", "shop==2"]),
    ],
)
def test_an_entry_becomes_requirements_that_installers_read(entry: object, wanted: list[str]) -> None:
    found = list(requirements("shop", entry))

    assert found == wanted
    assert [Requirement(text).name for text in found] == ["shop"] * len(wanted)
