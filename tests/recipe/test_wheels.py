"""The choice of Python by the available wheels of a resolution."""

from __future__ import annotations

from drydock.recipe.wheels import choose

PYLOCK = """\
lock-version = "1.0"

[[packages]]
name = "pydantic-core"
version = "2.20.1"
wheels = [
    {{ url = "https://files.invalid/pydantic_core-2.20.1-cp311-cp311-manylinux_2_17_x86_64.whl" }},
    {{ url = "https://files.invalid/pydantic_core-2.20.1-cp312-cp312-manylinux_2_17_x86_64.whl" }},
]

[[packages]]
name = "tinysegmenter"
version = "0.3"
sdist = {{ url = "https://files.invalid/tinysegmenter-0.3.tar.gz" }}

{more}
"""


def test_the_newest_version_with_wheels_is_taken_and_the_reason_is_said() -> None:
    choice = choose(PYLOCK.format(more=""), ("3.13", "3.12", "3.11", "3.10"))

    assert choice.versions == ("3.12", "3.11")
    assert choice.why == "pydantic-core 2.20.1 has no wheel for 3.13"


def test_the_first_candidate_needs_no_reason() -> None:
    choice = choose(PYLOCK.format(more=""), ("3.11", "3.13"))

    assert (choice.versions, choice.why) == (("3.11",), "")


def test_a_package_for_another_version_does_not_count() -> None:
    only = '[[packages]]\nname = "tomli"\nversion = "2.0"\nmarker = "python_full_version < \'3.11\'"\n'

    choice = choose(PYLOCK.format(more=only), ("3.10", "3.11"))

    assert choice.versions == ("3.11",)
