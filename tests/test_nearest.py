from __future__ import annotations

import pytest

from drydock.nearest import choices, nearest, suggestion

TARGETS = ("production", "slim", "builder", "test")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("prod", "production"), ("slm", "slim"), ("buidler", "builder"), ("tset", "test"), ("xyzzy", None)],
)
def test_the_nearest_word(word: str, meant: str | None) -> None:
    assert nearest(word, TARGETS) == meant


@pytest.mark.parametrize(
    ("option", "meant"), [("--targt", "--target"), ("--option", None), ("--since", None)]
)
def test_dashes_do_not_make_two_options_alike(option: str, meant: str | None) -> None:
    assert nearest(option, ("--json", "--target", "--quiet")) == meant


def test_a_near_word_is_suggested_and_else_the_other_way() -> None:
    assert suggestion("prod", TARGETS, "look it up") == "did you mean `production`?"
    assert suggestion("xyzzy", TARGETS, "look it up") == "look it up"


def test_choices_are_listed_in_their_own_order() -> None:
    assert choices("xyzzy", TARGETS) == "production, slim, builder, test"
    assert choices("prod", TARGETS) == "production, slim, builder, test (did you mean `production`?)"
