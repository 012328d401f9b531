"""Record the terminal picture at the top of README.md: real commands on a real terminal, as an SVG.

Run it with `./run python -m docs.picture`. It works in a clone of the last commit with one changed source
file, and shows the user's view except for the token. The picture loads nothing from elsewhere.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from drydock.detect.project import load
from drydock.gates.build_cache import touch_source

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/picture.svg"
COLUMNS = 104
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
# Commands, each with the text that triggers Ctrl-C; empty for those that end by themselves.
COMMANDS = (("invoke build", ""), ("invoke run", "curl -s"), ("drydock biuld", ""))
# A token is long, and secret scanners would report anything like it.
_TOKEN = re.compile(r"Bearer [\w.-]+")
# Every pair of text and background has a contrast of at least 4.5, even dimmed text.
THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (230, 237, 243),
    ],
)


def record(command: Sequence[str], folder: Path, until: str = "") -> str:
    """Run a command on a motionless terminal, and return its output with colours.

    Args:
        until: A text that triggers Ctrl-C; empty to let it end.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "TTY_INTERACTIVE": "0"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = ""
    try:
        while chunk := os.read(ours, 65536).decode("utf-8", "replace"):
            seen += chunk
            if until and until in seen and seen.endswith("\r\n"):
                os.killpg(process.pid, signal.SIGINT)
                until = ""
    except OSError:  # on Linux: the other end is closed
        pass
    os.close(ours)
    process.wait()
    return _TOKEN.sub("Bearer …", seen).replace("\r\n", "\n").rstrip("\n")


def draw(recorded: Sequence[tuple[str, str]]) -> str:
    """Return recorded commands with their output as one SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    for number, (line, output) in enumerate(recorded):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
        console.print(Text.from_ansi(output))
    return console.export_svg(title="drydock", theme=THEME, code_format=_self_contained(CONSOLE_SVG_FORMAT))


def _self_contained(template: str) -> str:
    """Return rich's template without the fonts that it would load from the network."""
    without = re.sub(r"@font-face \{\{.*?\}\}\s*", "", template, flags=re.DOTALL)
    return re.sub(r"font-family: (?:Fira Code|arial)[^;]*;", f"font-family: {FONTS};", without)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="drydock-picture-") as name:
        clone = Path(name) / "drydock"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        # Looking up the base image is cached for a while, and the picture is about the builds.
        record(["invoke", "base"], clone)
        touch_source(load(clone), clone)
        recorded = [(line, record(line.split(), clone, until)) for line, until in COMMANDS]
    PICTURE.write_text(draw(recorded), encoding="utf-8")


if __name__ == "__main__":
    main()
