from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from docs import picture

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> str:
    """Return the text of an SVG; parsing it proves that it is well-formed."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own file
    return " ".join(" ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text")).split())


def test_the_picture_shows_every_command_and_how_it_ended() -> None:
    shown = words(picture.PICTURE.read_text(encoding="utf-8"))

    assert [line for line, _ in picture.COMMANDS if line not in shown] == []
    assert "on the wire" in shown
    assert "did you mean `build`?" in shown


def test_the_picture_loads_nothing_and_holds_no_token() -> None:
    svg = picture.PICTURE.read_text(encoding="utf-8")

    assert "@font-face" not in svg
    assert "url(http" not in svg
    assert "Bearer ey" not in svg.replace("&#160;", " ")


@pytest.mark.parametrize(("until", "line"), [("", "done"), ("ready", "stopped")])
def test_a_command_is_recorded_to_its_end_or_until_it_is_interrupted(
    tmp_path: Path, until: str, line: str
) -> None:
    code = (
        "import sys, time\n"
        "try:\n"
        "    print('\\033[32mready\\033[0m', sys.stdout.isatty(), flush=True)\n"
        f"    time.sleep({60 if until else 0})\n"
        "    print('done')\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )

    assert picture.record([sys.executable, "-c", code], tmp_path, until).splitlines() == [
        "\x1b[32mready\x1b[0m True", line,
    ]  # fmt: skip


def test_a_token_is_left_out(tmp_path: Path) -> None:
    said = ["echo", "curl -H 'Authorization: Bearer eyJhbGciOiJF.eyJpc3MiOiJ1.wz5JSFZI' http://127.0.0.1/"]

    assert picture.record(said, tmp_path) == "curl -H 'Authorization: Bearer …' http://127.0.0.1/"


def test_what_is_drawn_can_be_read() -> None:
    shown = words(picture.draw([("drydock run", "\x1b[32mready\x1b[0m in 1.0 s")]))

    assert "$ drydock run" in shown
    assert "ready in 1.0 s" in shown
