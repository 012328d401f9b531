from __future__ import annotations

from pathlib import Path

import pytest

from drydock import errors
from drydock.report.page import file


def test_a_page_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    file.write(tmp_path / "a/b/report.html", "<p>é</p>")

    assert (tmp_path / "a/b/report.html").read_text(encoding="utf-8") == "<p>é</p>"
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(errors.NotWritten, match=r"report\.html cannot be written: .*; name another place"):
        file.write(tmp_path / "file/report.html", "")
