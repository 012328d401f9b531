"""os-release is read by its specification, on this machine and in an image."""

from __future__ import annotations

from pathlib import Path

from drydock import osrelease

TEXT = '# a comment=x\nID=debian\nVERSION_CODENAME="trixie"\nPRETTY_NAME="A \\"b\\" c"\nEMPTY=\nlower=x\n'


def test_fields_lose_quotes_and_escapes() -> None:
    assert osrelease.fields(TEXT) == {
        "ID": "debian",
        "VERSION_CODENAME": "trixie",
        "PRETTY_NAME": 'A "b" c',
        "EMPTY": "",
    }


def test_machine_without_a_file_has_no_fields(tmp_path: Path) -> None:
    assert osrelease.of_host(tmp_path / "os-release") == {}
