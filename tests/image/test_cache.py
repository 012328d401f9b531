from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.image.archive import read_archive
from drydock.image.cache import Cache
from drydock.image.record import Record
from tests.image.making import analysed, digest, docker_archive, files_tar, write_archive

CONFIGURATION = b'{"os":"linux"}'


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return analysed(files_tar({"a": "b"}), tmp_path)


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*/*"))


def test_what_was_added_is_found(cache: Cache, record: Record) -> None:
    cache.add_record(record)
    cache.add_configuration("sha256:image", CONFIGURATION)
    assert cache.record(record.diff_id) == record
    assert cache.configuration("sha256:image") == CONFIGURATION


def test_unknown_digests_are_absent(cache: Cache) -> None:
    assert cache.record(digest(b"")) is None
    assert cache.configuration(digest(b"")) is None


def test_damaged_entries_are_absent(cache: Cache, record: Record, tmp_path: Path) -> None:
    cache.add_record(record)
    cache.add_configuration("sha256:image", CONFIGURATION)
    for path in entries(tmp_path):
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert cache.record(record.diff_id) is None
    assert cache.configuration("sha256:image") is None


@given(st.data())
def test_any_damaged_byte_is_noticed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder, "cache"))
        record = analysed(files_tar({"a": "b"}), Path(folder))
        cache.add_record(record)
        (path,) = entries(Path(folder))
        whole = path.read_bytes()
        position = data.draw(st.integers(0, len(whole) - 1))
        flipped = bytes([whole[position] ^ data.draw(st.integers(1, 255))])
        for damaged in (whole[:position] + flipped + whole[position + 1 :], whole[:position]):
            path.write_bytes(damaged)
            assert cache.record(record.diff_id) is None


def test_damaged_entries_are_made_again(cache: Cache, tmp_path: Path) -> None:
    path = write_archive(tmp_path / "image.tar", docker_archive([files_tar({"a": "b"})]))
    first = read_archive(path, cache=cache)
    whole = {entry: entry.read_bytes() for entry in entries(tmp_path)}
    for entry in whole:
        entry.write_bytes(b"damaged")
    assert read_archive(path, cache=cache) == first
    assert {entry: entry.read_bytes() for entry in entries(tmp_path)} == whole


def test_entry_under_another_name_is_absent(cache: Cache, record: Record, tmp_path: Path) -> None:
    cache.add_record(record)
    (path,) = entries(tmp_path)
    other = digest(b"other")
    path.rename(path.with_name(f"layer-{other.removeprefix('sha256:')}"))
    assert cache.record(other) is None


def test_longest_unused_entries_go_first(tmp_path: Path) -> None:
    records = [analysed(files_tar({f"file-{number}": "x"}), tmp_path) for number in range(3)]
    size = len(records[0].dump()) + 65  # with its digest
    cache = Cache(tmp_path / "cache", largest=int(size * 2.5))
    for number, record in enumerate(records[:2]):
        cache.add_record(record)
        for path in entries(tmp_path):
            if record.diff_id.removeprefix("sha256:") in path.name:
                os.utime(path, (number, number))
    # This use makes the older one the more recent.
    assert cache.record(records[0].diff_id) is not None
    cache.add_record(records[2])
    assert [cache.record(record.diff_id) is not None for record in records] == [True, False, True]


def test_folder_that_cannot_be_written_is_no_error(tmp_path: Path, record: Record) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file")
    cache.add_record(record)
    assert cache.record(record.diff_id) is None


def test_nothing_half_written_is_left(cache: Cache, record: Record, tmp_path: Path) -> None:
    cache.add_record(record)
    assert len(entries(tmp_path)) == 1


def test_files_are_not_unpacked_for_a_size(cache: Cache, record: Record) -> None:
    cache.add_record(record)
    loaded = cache.record(record.diff_id)
    assert loaded is not None
    assert loaded.on_disk == 10_240
    assert "files" not in vars(loaded)
