from __future__ import annotations

from pathlib import Path

import pytest

from drydock.services import envfile
from drydock.services.errors import BadEnvironmentFile


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("export A = 1 # one", {"A": "1"}),
        ("A='x # y'", {"A": "x # y"}),
        ('A="x y"  # two', {"A": "x y"}),
        ("A=p#q=r", {"A": "p#q=r"}),
        ("A=", {"A": ""}),
        ("# A=1", {}),
    ],
)
def test_a_line_is_read_as_docker_and_dotenv_read_it(
    line: str, expected: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"\n{line}\n")

    assert envfile.read(path) == expected


def test_a_bad_line_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nhunter2\n")

    with pytest.raises(BadEnvironmentFile, match=r"\.env:2 is not NAME=VALUE; write one") as caught:
        envfile.read(path)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadEnvironmentFile, match="cannot be read"):
        envfile.read(tmp_path / "gone.env")
