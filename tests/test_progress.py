from __future__ import annotations

from drydock.progress import once


def test_a_repeated_line_is_passed_on_once() -> None:
    said: list[str] = []
    tell = once(said.append)

    for line in ("notice", "https://one", "notice", "https://two"):
        tell(line)

    assert said == ["notice", "https://one", "https://two"]
