"""Types for progress: lines of text, and a sign of life while a step waits."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

# Begins a line of a build step's output that a user should read.
REMARK = "drydock: "
Say = Callable[[str], None]
# Takes the name of a wait, and shows a sign of life until the context ends.
Patience = Callable[[str], AbstractContextManager[object]]


def silent(line: str) -> None:
    """Discard the line."""


def once(say: Say) -> Say:
    """Return a `say` that drops each line that it has passed on before."""
    heard: set[str] = set()

    def tell(line: str) -> None:
        if line not in heard:
            heard.add(line)
            say(line)

    return tell


def unseen(_: str) -> AbstractContextManager[object]:
    """Show no progress."""
    return nullcontext()
