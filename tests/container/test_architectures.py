"""Support for other architectures: the image's assembly names none."""

from __future__ import annotations

import os
import re
import struct
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest
from assemble import bytecode, elf, twins

from tests.conftest import ROOT

AARCH64, S390X, ARM = 183, 22, 40
LOADERS = [
    ("/lib/ld-linux-aarch64.so.1", 64, "<", AARCH64),
    ("/lib/ld64.so.1", 64, ">", S390X),
    ("/lib/ld-linux-armhf.so.3", 32, "<", ARM),
]


def program(loader: str, bits: int, end: str, machine: int) -> bytes:
    """Return the start of a program: its file header and one segment that names its loader."""
    form = elf.FORMATS[bits, end]
    name = loader.encode() + b"\0"
    header_size, segment_size = 16 + struct.calcsize(form.header), struct.calcsize(form.segment)
    identity = elf.MAGIC + bytes([bits // 32, 1 if end == "<" else 2, 1]) + bytes(9)
    header = (3, machine, 1, 0, header_size, 0, 0, header_size, segment_size, 1, 0, 0, 0)
    segment = [elf.PT_INTERP] + [0] * (len(struct.unpack(form.segment, bytes(segment_size))) - 1)
    segment[form.offset], segment[form.size] = header_size + segment_size, len(name)
    return identity + struct.pack(form.header, *header) + struct.pack(form.segment, *segment) + name


@pytest.mark.parametrize(("loader", "bits", "end", "machine"), LOADERS)
def test_the_loader_is_read_from_the_program(
    tmp_path: Path, loader: str, bits: int, end: str, machine: int
) -> None:
    path = tmp_path / "python3"
    path.write_bytes(program(loader, bits, end, machine))

    assert elf.interpreter(path) == Path(loader)


def test_a_library_that_a_wheel_for_arm64_brings_is_known_by_its_name() -> None:
    assert twins.VENDORED.fullmatch("libcrypto-3a0647ea.so.3")
    assert not twins.VENDORED.fullmatch("libgcc_s.so.1")


def test_the_library_list_of_arm64_answers_ctypes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "libmagic.so.1").touch()
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="aarch64"))
    text = (
        (ROOT / "drydock/container/assemble/ldconfig.py")
        .read_text()
        .replace("= ()", f"= ({str(tmp_path)!r},)")
    )
    exec(compile(text, "ldconfig", "exec"), {})  # noqa: S102 - this repository's own file
    listing = capsys.readouterr().out

    # ctypes searches for this on machines without a more exact word.
    assert re.search(r"\s+(libmagic\.[^\s]+)\s+\(libc6", listing)


def test_bytecode_that_is_named_for_an_architecture_counts_for_every_other(tmp_path: Path) -> None:
    profile = tmp_path / "bytecode.txt"
    profile.write_text("json/__init__.py\n_sysconfigdata__linux_other-linux-gnu.py\n")

    found = bytecode.measured(profile)

    assert found is not None
    assert {path.name for path in Path(sysconfig.get_path("stdlib")).glob("_sysconfigdata_*.py")} <= found


def test_nothing_that_assembles_the_image_names_an_architecture() -> None:
    named = {
        path.name
        for path in (*(ROOT / "drydock/container").rglob("*.py"), ROOT / "Dockerfile")
        if re.search(r"x86_64|x86-64|aarch64|amd64|arm64", path.read_text())
    }

    # On one architecture ctypes searches for a special word.
    assert named == {"ldconfig.py"}
