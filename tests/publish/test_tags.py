from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version

from drydock.project import UNDECLARED
from drydock.publish.errors import IllegalTag, IllegalVersion, NoVersion
from drydock.publish.reference import check_tag
from drydock.publish.tags import is_dirty, leading, tags

REVISION = "0123456789abcdef0123456789abcdef01234567"
SHA = "sha-0123456789ab"

numbers = st.integers(min_value=0, max_value=30)
versions = st.builds(
    lambda epoch, release, pre, post, dev, local: Version(
        (f"{epoch}!" if epoch else "")
        + ".".join(map(str, release))
        + (f"{pre[0]}{pre[1]}" if pre else "")
        + (f".post{post}" if post is not None else "")
        + (f".dev{dev}" if dev is not None else "")
        + (f"+{local}" if local else "")
    ),
    st.integers(min_value=0, max_value=2),
    st.lists(numbers, min_size=1, max_size=4),
    st.none() | st.tuples(st.sampled_from(["a", "b", "rc"]), numbers),
    st.none() | numbers,
    st.none() | numbers,
    st.none() | st.from_regex(r"[a-z0-9]{1,4}(\.[a-z0-9]{1,4})?", fullmatch=True),
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.4.2", (SHA, "1.4.2", "1.4", "1", "latest")),
        ("v1.4.2", (SHA, "1.4.2", "1.4", "1", "latest")),
        ("1.4", (SHA, "1.4.0", "1.4", "1", "latest")),
        ("7", (SHA, "7.0.0", "7.0", "7", "latest")),
        ("1.4.2.0", (SHA, "1.4.2", "1.4", "1", "latest")),
        ("1.4.2.7", (SHA, "1.4.2.7", "1.4", "1", "latest")),
        ("2026.11", (SHA, "2026.11.0", "2026.11", "2026", "latest")),
        ("1.5.0rc1", (SHA, "1.5.0rc1")),
        ("1.5.0-beta.2", (SHA, "1.5.0b2")),
        ("1.5.0.dev3", (SHA, "1.5.0.dev3")),
        ("1.4.2+abc.1", (SHA, "1.4.2-abc.1")),
        ("1.4.2.post1", (SHA, "1.4.2.post1", "1.4", "1", "latest")),
        ("0.3.1", (SHA, "0.3.1", "0.3", "latest")),
        ("1!2.0.1", (SHA, "1_2.0.1", "1_2.0", "1_2", "latest")),
    ],
)
def test_a_version_gives_its_tags(version: str, expected: tuple[str, ...]) -> None:
    assert tags(version, REVISION, dirty=False) == expected


@pytest.mark.parametrize("version", ["1.4.2", "1.5.0rc1", "1.4.2+abc.1"])
def test_a_dirty_tree_marks_every_tag_and_moves_none(version: str) -> None:
    found = tags(version, REVISION, dirty=True)

    assert len(found) == 2
    assert all(is_dirty(tag) for tag in found)


def test_without_a_commit_there_is_no_sha_tag() -> None:
    assert tags("1.4.2", "", dirty=False) == ("1.4.2", "1.4", "1", "latest")


@pytest.mark.parametrize(("dirty", "mark"), [(False, ""), (True, "-dirty")])
def test_a_version_that_nobody_declared_gives_the_commits_tag_alone(dirty: bool, mark: str) -> None:
    assert tags(UNDECLARED, REVISION, dirty=dirty) == (f"{SHA}{mark}",)


def test_neither_a_version_nor_a_commit_is_refused() -> None:
    with pytest.raises(NoVersion):
        tags(UNDECLARED, "", dirty=False)


def test_a_version_outside_of_pep_440_is_refused() -> None:
    with pytest.raises(IllegalVersion) as caught:
        tags("one.two", REVISION, dirty=False)
    assert str(caught.value) == (
        "error: 'one.two' is not a version that can be ordered; "
        "give the project one such as 1.4.2 or 1.5.0rc1"
    )


def test_a_version_that_makes_too_long_a_tag_is_refused() -> None:
    with pytest.raises(IllegalTag, match="it has 129 characters"):
        tags("1.4.2+" + "a" * 123, REVISION, dirty=False)


@given(versions, st.booleans())
def test_every_version_makes_legal_tags(version: Version, dirty: bool) -> None:
    found = tags(str(version), REVISION, dirty)

    assert [check_tag(tag) for tag in found] == list(found)
    assert len(set(found)) == len(found)


@given(versions, versions)
def test_two_versions_share_an_immutable_tag_only_when_they_are_equal(one: Version, other: Version) -> None:
    assume(UNDECLARED not in (str(one), str(other)))
    first, second = tags(str(one), "", dirty=False)[0], tags(str(other), "", dirty=False)[0]

    assert (first == second) == (one == other)


@given(versions, versions)
def test_no_floating_tag_is_the_immutable_tag_of_another_version(one: Version, other: Version) -> None:
    assume(one != other and UNDECLARED not in (str(one), str(other)))

    assert tags(str(one), "", dirty=False)[0] not in tags(str(other), "", dirty=False)[1:]


@pytest.mark.parametrize(
    ("version", "existing", "expected"),
    [
        ("1.4.2", (), ("1.4", "1", "latest")),
        ("1.4.2", ("1.4.1", "1.4", "1", "latest"), ("1.4", "1", "latest")),
        ("1.4.2", ("1.4.2", "1.4", "1", "latest"), ("1.4", "1", "latest")),
        ("1.4.2", ("1.4.3",), ()),
        ("1.4.2", ("1.5.0",), ("1.4",)),
        ("1.4.2", ("2.0.0",), ("1.4", "1")),
        ("1.4.2", ("1.4.2.post1",), ()),
        # Not releases: floating tags, pre-releases, local versions, commits, words.
        ("1.4.2", ("1.9", "2", "1.5.0rc1", "1.5.0-abc.1", "1.5.0-1", SHA, "nightly"), ("1.4", "1", "latest")),
        # A new epoch outranks every older version.
        ("9.0.0", ("1_1.0.0",), ("9.0", "9")),
        ("1!1.0.0", ("9.0.0",), ("1_1.0", "1_1", "latest")),
        ("1.5.0rc1", ("1.4.2",), ()),
    ],
)
def test_a_release_leads_nobody_back(
    version: str, existing: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert leading(version, existing) == expected
