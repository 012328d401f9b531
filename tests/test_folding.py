from __future__ import annotations

import io

import pytest

from drydock.folding import fold, folded


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("short", "short"),
        ("error: the image has no label; write it", "error: the image has\nno label; write it"),
        # Below the second column, if it leaves room.
        ("port    8000 (nothing names a port)", "port    8000 (nothing\n        names a port)"),
        ("a.very.long.name  two words", "a.very.long.name  two\n  words"),
        ("  two words of an entry", "  two words of an\n  entry"),
        # What is copied stays whole.
        ("digest  sha256:9ef97a5833adbfdea36d62bbc x", "digest  sha256:9ef97a5833adbfdea36d62bbc\n        x"),
        ("ask with `drydock --help build` first", "ask with\n`drydock --help build`\nfirst"),
        ("a well-known name of a well-known", "a well-known name of\na well-known"),
    ],
)
def test_a_long_line_is_broken_between_words(line: str, shown: str) -> None:
    assert fold(line, 21) == shown


def test_a_text_that_begins_in_a_column_goes_on_below_it() -> None:
    assert fold("one two three", 12, start=4) == "one two\n    three"


def test_lines_for_a_file_or_a_pipe_stay_whole() -> None:
    assert folded("word " * 100, io.StringIO()) == "word " * 100
