from __future__ import annotations

import difference
import pytest

LOCK = """\
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Jinja_2[extra]==3.1 ; python_version >= '3.13' \\
    --hash=sha256:cc
pytest==9.2.0 \\
    --hash=sha256:dd
"""


def test_what_is_installed_is_not_installed_again() -> None:
    rest = difference.missing(LOCK, {"anyio": "4.16.0", "jinja-2": "3.1"})

    assert rest == "pytest==9.2.0 \\\n    --hash=sha256:dd\n"


def test_another_version_than_the_shipped_one_is_an_error() -> None:
    with pytest.raises(
        SystemExit, match=r"error: the image ships anyio 4\.15\.0, the tests' lock has 4\.16\.0"
    ):
        difference.missing(LOCK, {"anyio": "4.15.0"})


def test_tools_are_taken_in_whatever_version_ships() -> None:
    rest = difference.missing(LOCK, {"anyio": "4.15.0", "jinja-2": "3.0"}, any_version=True)

    assert rest == "pytest==9.2.0 \\\n    --hash=sha256:dd\n"


def test_a_lock_may_hold_several_versions_each_for_other_pythons() -> None:
    forked = (
        "fastapi==0.162.5 ; python_full_version < '3.11'\nfastapi==0.165.0 ; python_full_version >= '3.11'\n"
    )

    assert difference.missing(forked, {"fastapi": "0.165.0"}) == ""
    assert difference.missing(forked, {}) == forked
    with pytest.raises(
        SystemExit, match=r"the image ships fastapi 0\.1, the tests' lock has 0\.162\.5 or 0\.165\.0"
    ):
        difference.missing(forked, {"fastapi": "0.1"})
