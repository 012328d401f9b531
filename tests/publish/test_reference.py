from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.publish.errors import IllegalReference, IllegalTag
from drydock.publish.reference import Reference, check_tag, parse

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("todo", Reference("docker.io", "library/todo")),
        ("todo:1.4", Reference("docker.io", "library/todo", "1.4")),
        ("acme/todo", Reference("docker.io", "acme/todo")),
        ("docker.io/todo", Reference("docker.io", "library/todo")),
        ("index.docker.io/acme/todo", Reference("docker.io", "acme/todo")),
        ("localhost/todo", Reference("localhost", "todo")),
        ("localhost:5000/todo:1", Reference("localhost:5000", "todo", "1")),
        ("ghcr.io/acme/team/todo", Reference("ghcr.io", "acme/team/todo")),
        ("Registry/todo", Reference("Registry", "todo")),
        ("[::1]:5000/todo", Reference("[::1]:5000", "todo")),
        (f"ghcr.io/acme/todo@{DIGEST}", Reference("ghcr.io", "acme/todo", "", DIGEST)),
        (f"todo:1@{DIGEST}", Reference("docker.io", "library/todo", "1", DIGEST)),
        ("todo__list/a-b.c", Reference("docker.io", "todo__list/a-b.c")),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(text: str, expected: Reference) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is not a part of a repository"),
        ("Todo", "'Todo' is not a part of a repository"),
        ("acme//todo", "'' is not a part of a repository"),
        ("todo.", "'todo.' is not a part of a repository"),
        ("-.example/todo", "'-.example' is not a host"),
        ("host:port/todo", "'host:port' is not a host"),
        ("host:65536/todo", "65536 is not a port (1 to 65535)"),
        ("[::1]:0/todo", "0 is not a port (1 to 65535)"),
        ("https://host/todo", "'https:' is not a host"),
        ("todo@sha256:ab", "'sha256:ab' is not a digest"),
        ("a" * 64, "64 hexadecimal digits are an image id"),
        ("sha256:" + "a" * 64 + "/x", "is not a host"),
        ("a/" * 130 + "a", "it has over 255 characters"),
    ],
)
def test_an_illegal_reference_says_which_part_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(IllegalReference) as caught:
        parse(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("", "it is empty"),
        (".1", "it begins with '.'"),
        ("-1", "it begins with '-'"),
        ("1+2", "it contains '+'"),
        ("1 /2", "it contains ' ' and '/'"),
        ("ünter", "it contains 'ü'"),
        ("1" * 129, "it has 129 characters"),
    ],
)
def test_an_illegal_tag_says_what_is_wrong(tag: str, problem: str) -> None:
    with pytest.raises(IllegalTag) as caught:
        check_tag(tag)
    assert problem in str(caught.value)


def test_a_reference_with_an_empty_tag_is_refused() -> None:
    with pytest.raises(IllegalTag):
        parse("todo:")


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost:5000/todo", True),
        ("127.0.0.1:5000/todo", True),
        ("127.8.9.1/todo", True),
        ("[::1]:5000/todo", True),
        ("128.0.0.1:5000/todo", False),
        ("localhost.example/todo", False),
        ("ghcr.io/acme/todo", False),
        ("todo", False),
    ],
)
def test_only_this_machine_is_loopback(text: str, loopback: bool) -> None:
    assert parse(text).loopback is loopback


component = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,2})[a-z0-9]{1,5}){0,2}", fullmatch=True)
references = st.builds(
    Reference,
    st.sampled_from(["ghcr.io", "localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000", "REG"]),
    st.lists(component, min_size=1, max_size=3).map("/".join),
    st.just("") | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True),
    st.sampled_from(["", DIGEST]),
)


@given(references)
def test_what_is_written_is_read_again(reference: Reference) -> None:
    assert parse(str(reference)) == reference
