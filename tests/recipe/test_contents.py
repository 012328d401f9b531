"""The files and folders that a recipe ships."""

from __future__ import annotations

from pathlib import Path

from drydock.recipe import contents
from tests.conftest import write_files


def test_a_bundle_of_certificates_is_shipped_whatever_its_size(tmp_path: Path) -> None:
    mark = "-----BEGIN {}-----\n"
    files = {
        "bundle.pem": mark.format("CERTIFICATE") * 8_000,
        "own.pem": mark.format("CERTIFICATE") * 8_000 + mark.format("PRIVATE KEY"),
    }
    write_files(tmp_path, files)

    assert contents.entries(tmp_path, ".", ()) == ("bundle.pem",)


def test_what_the_ignore_rules_hide_is_not_copied(tmp_path: Path) -> None:
    write_files(tmp_path, {"example.env": "A=1\n", "nginx.site": "server {}\n"})

    assert contents.entries(tmp_path, ".", ()) == ("nginx.site",)
