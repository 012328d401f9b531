"""Break long lines between words for a terminal, which itself would break them anywhere."""

import os
import re
import textwrap
from typing import IO

# Space at the front, or a first column such as a name, with the space beside it.
_HEAD = re.compile(r" +|\S.*? {2,}(?=\S)")
_COMMAND = re.compile(r"`[^`]*`")
_KEPT = "\N{NO-BREAK SPACE}"
# Of lines whose second column begins too far to the right.
_INDENT = 2


def folded(text: str, stream: IO[str], start: int = 0) -> str:
    """Return a text for a stream: folded to its width if it is a terminal, unchanged elsewhere."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except OSError:
        return text
    return "\n".join(fold(line, width, start) for line in text.split("\n")) if width else text


def fold(line: str, width: int, start: int = 0) -> str:
    """Break a line between words; further lines begin below its second column, if it has two.

    A word or command longer than the width stays whole: the terminal breaks it, and it is copied as one.

    Args:
        start: The column at which the line begins.
    """
    if start + len(line) <= width:
        return line
    if not start and (head := _HEAD.match(line)):
        return head[0] + fold(line[head.end() :], width, head.end())
    # textwrap breaks at a plain space only.
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), line)
    return textwrap.fill(
        kept,
        width,
        initial_indent=" " * start,
        subsequent_indent=" " * (start if start <= width // 2 else _INDENT),
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    ).replace(_KEPT, " ")[start:]
