from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock.image.local import guess_instructions, unpack
from tests.image.making import digest, docker_archive, files_tar, write_archive

LAYERS = [files_tar({"a": "1" * 40_000}), files_tar({"b": "2"})]


def stream(tmp_path: Path, size: int, **kind: bool) -> Iterator[bytes]:
    data = write_archive(tmp_path / "image.tar", docker_archive(LAYERS, **kind)).read_bytes()
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1000, 4096, 10_000_000])
def test_stream_is_unpacked_whatever_its_chunks(tmp_path: Path, size: int) -> None:
    (tmp_path / "out").mkdir()
    parts = unpack(stream(tmp_path, size), tmp_path / "out", frozenset())
    wanted = docker_archive(LAYERS)
    assert {name: part.path.read_bytes() for name, part in parts.items()} == wanted


def test_known_layers_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    parts = unpack(stream(tmp_path, 4096), tmp_path / "out", frozenset({digest(LAYERS[0])}))
    assert f"blobs/{digest(LAYERS[0]).replace(':', '/')}" not in parts
    assert f"blobs/{digest(LAYERS[1]).replace(':', '/')}" in parts
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < len(LAYERS[0])


def test_stream_of_an_older_engine_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    parts = unpack(stream(tmp_path, 4096, legacy=True), tmp_path / "out", frozenset())
    assert {"0/layer.tar", "1/layer.tar", "manifest.json"} <= set(parts)


def test_stream_that_ends_early_raises(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    chunks = list(stream(tmp_path, 4096))
    with pytest.raises(tarfile.ReadError):
        unpack(chunks[:5], tmp_path / "out", frozenset())


def history(*entries: tuple[str, int]) -> list[dict[str, object]]:
    return [{"CreatedBy": text, "Size": size} for text, size in reversed(entries)]


def test_sized_entries_are_the_layers() -> None:
    entries = history(("ENV A=1", 0), ("COPY . /", 17), ("USER 10001", 0))
    assert guess_instructions(entries, 1) == ["COPY . /"]


def test_empty_run_is_a_layer() -> None:
    entries = history(("COPY . /", 17), ("RUN true # buildkit", 0), ("LABEL a=b", 0))
    assert guess_instructions(entries, 2) == ["COPY . /", "RUN true # buildkit"]


def test_working_folder_is_a_layer_where_one_is_wanting() -> None:
    entries = history(("COPY . /", 17), ("WORKDIR /app", 0), ("RUN true", 0))
    assert guess_instructions(entries, 3) == ["COPY . /", "WORKDIR /app", "RUN true"]
    assert guess_instructions(entries, 2) == ["COPY . /", "RUN true"]


def test_history_that_does_not_fit_is_no_guess() -> None:
    assert guess_instructions(history(("COPY . /", 17)), 2) is None
    assert guess_instructions([], 1) is None


def test_image_without_layers_needs_no_guess() -> None:
    assert guess_instructions(history(("LABEL a=b", 0)), 0) == []
