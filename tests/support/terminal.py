"""A real terminal for tests: run a program in a pseudo terminal and collect its output."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-_])")


@dataclass(frozen=True)
class Seen:
    """A terminal's received bytes, and the program's end."""

    raw: str
    code: int

    @property
    def text(self) -> str:
        """The output without colours and cursor movements."""
        return _SEQUENCE.sub("", self.raw).replace("\r\n", "\n")


def watch(
    command: Sequence[str], *, columns: int, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Seen:
    """Run a program on a terminal until it ends.

    Args:
        columns: The terminal's width in characters.
        env: Variables to add; an empty value removes one.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": "", **(env or {})}
    kept = {name: value for name, value in environment.items() if value}
    process = subprocess.Popen(
        command, cwd=cwd, env=kept, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    received = bytearray()
    try:
        while data := os.read(ours, 65536):
            received += data
    except OSError:  # on Linux: the other end is closed
        pass
    finally:
        os.close(ours)
        code = process.wait()
    return Seen(received.decode("utf-8", "replace"), code)
