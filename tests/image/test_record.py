from __future__ import annotations

import gzip
import hashlib
import tarfile
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from drydock.image.errors import DamagedImage
from drydock.image.file import Kind
from drydock.image.record import Record
from tests.image.making import Entry, analysed, digest, files_tar, layer_tar

names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..") and not name.startswith(".wh.") and name == name.rstrip())
paths = st.lists(names, min_size=1, max_size=8).map("/".join)
common = {
    "name": paths,
    "mode": st.integers(0, 0o7777),
    "uid": st.integers(0, 2**31),
    "gid": st.integers(0, 2**31),
    "mtime": st.integers(0, 2**33),
}
entries = st.one_of(
    st.builds(Entry, content=st.binary(max_size=3000), **common),
    st.builds(Entry, type=st.just(tarfile.DIRTYPE), **common),
    st.builds(Entry, type=st.just(tarfile.SYMTYPE), link=paths, **common),
    st.builds(Entry, type=st.just(tarfile.LNKTYPE), link=paths, **common),
    st.builds(Entry, type=st.just(tarfile.FIFOTYPE), **common),
    st.builds(Entry, type=st.just(tarfile.CHRTYPE), **common),
)
formats = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.FIFOTYPE: Kind.PIPE,
    tarfile.CHRTYPE: Kind.DEVICE,
}


@given(st.lists(entries, max_size=12), formats)
def test_every_archive_is_read_as_it_was_written(wanted: list[Entry], tar_format: int) -> None:
    data = layer_tar(wanted, format=tar_format)
    with tempfile.TemporaryDirectory() as folder:
        record = analysed(data, Path(folder))
    assert (record.diff_id, record.on_disk) == (digest(data), len(data))
    assert len(record.files) == len(wanted)
    for file, entry in zip(record.files, wanted, strict=True):
        assert file.path == f"/{entry.name}"
        assert file.kind is KINDS[entry.type]
        assert (file.mode, file.uid, file.gid, file.mtime) == (
            entry.mode,
            entry.uid,
            entry.gid,
            entry.mtime,
        )
        assert file.size == len(entry.content)
        assert file.layer == digest(data)
        if file.kind is Kind.FILE:
            assert file.sha256 == hashlib.sha256(entry.content).hexdigest()
        if file.kind is Kind.HARDLINK:
            assert file.link == f"/{entry.link}"
        if file.kind is Kind.SYMLINK:
            assert file.link == entry.link


@given(st.lists(entries, max_size=4))
def test_record_survives_being_written_down(wanted: list[Entry]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        record = analysed(layer_tar(wanted), Path(folder))
    loaded = Record.load(record.dump())
    assert loaded == record
    assert loaded.files == record.files


def test_name_longer_than_a_ustar_header_is_whole(tmp_path: Path) -> None:
    name = "/".join(["x" * 90] * 30)
    (file,) = analysed(files_tar({name: "content"}), tmp_path).files
    assert file.path == f"/{name}"


def test_name_that_is_no_utf8_survives_the_cache(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    record = analysed(layer_tar([Entry(name)], format=tarfile.GNU_FORMAT), tmp_path)
    loaded = Record.load(record.dump())
    assert loaded.files[0].path == f"/{name}"


@pytest.mark.parametrize("name", ["./usr/bin/x", "/usr/bin/x", "usr//bin/./x", "//usr/bin/x"])
def test_spellings_of_a_path_are_one(tmp_path: Path, name: str) -> None:
    (file,) = analysed(files_tar({name: ""}), tmp_path).files
    assert file.path == "/usr/bin/x"


def test_path_cannot_leave_the_root(tmp_path: Path) -> None:
    (file,) = analysed(files_tar({"../../etc/passwd": ""}), tmp_path).files
    assert file.path == "/etc/passwd"


def test_whiteouts_name_what_they_delete(tmp_path: Path) -> None:
    deleted, emptied = analysed(
        files_tar({"etc/.wh.hosts": "", "var/cache/.wh..wh..opq": ""}), tmp_path
    ).files
    assert (deleted.kind, deleted.path) == (Kind.WHITEOUT, "/etc/hosts")
    assert (emptied.kind, emptied.path) == (Kind.OPAQUE, "/var/cache")


def test_hard_link_costs_nothing(tmp_path: Path) -> None:
    data = layer_tar([Entry("a", b"x" * 5000), Entry("b", type=tarfile.LNKTYPE, link="./a")])
    first, second = analysed(data, tmp_path).files
    assert (first.size, second.size, second.link) == (5000, 0, "/a")


def test_sparse_file_has_its_full_size_and_content(tmp_path: Path) -> None:
    # PAX 1.0: a map of "count, offset, length" before the data; here 4 bytes at offset 9996.
    sparse = b"1\n9996\n4\n".ljust(512, b"\0") + b"tail"
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "disk.img",
        "GNU.sparse.realsize": "10000",
    }
    data = layer_tar([Entry("GNUSparseFile.0/disk.img", sparse, pax=headers), Entry("after", b"x")])
    file, after = analysed(data, tmp_path).files
    assert (file.path, file.kind, file.size) == ("/disk.img", Kind.FILE, 10_000)
    assert file.sha256 == hashlib.sha256(b"\0" * 9996 + b"tail").hexdigest()
    assert after.path == "/after"


def test_one_path_twice_is_listed_twice(tmp_path: Path) -> None:
    data = layer_tar([Entry("a", b"1"), Entry("a", b"22")])
    assert [file.size for file in analysed(data, tmp_path).files] == [1, 2]


def test_layer_without_entries_is_a_layer(tmp_path: Path) -> None:
    record = analysed(b"\0" * 1024, tmp_path)
    assert (record.files, record.on_disk) == ((), 1024)


def test_padding_behind_the_archive_belongs_to_the_layer(tmp_path: Path) -> None:
    data = files_tar({"a": "b"}) + b"\0" * 3_000_000
    record = analysed(data, tmp_path)
    assert (record.on_disk, record.diff_id) == (len(data), digest(data))


def test_gzip_blob_has_the_uncompressed_digest(tmp_path: Path) -> None:
    data = files_tar({"a": "b" * 10_000})
    # Two members in one stream, as seekable gzip variants write them.
    packed = gzip.compress(data[:3000]) + gzip.compress(data[3000:])
    record = analysed(packed, tmp_path)
    assert (record.diff_id, record.on_disk) == (digest(data), len(data))
    assert record.files == analysed(data, tmp_path).files


def test_zstd_blob_has_the_uncompressed_digest(tmp_path: Path) -> None:
    data = files_tar({"a": "b" * 10_000})
    # Two frames in one stream, as chunked zstd variants write them.
    packed = zstandard.compress(data[:3000]) + zstandard.compress(data[3000:])
    record = analysed(packed, tmp_path)
    assert (record.diff_id, record.on_disk) == (digest(data), len(data))
    assert record.files == analysed(data, tmp_path).files


def test_content_of_package_records_is_kept(tmp_path: Path) -> None:
    texts = {"/var/lib/dpkg/status": "Package: libc6\n", "/x/a-1.dist-info/RECORD": "a.py,,\n"}
    record = analysed(files_tar({**texts, "/etc/secret": "not kept"}), tmp_path)
    assert record.texts == texts


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive at all",
        files_tar({"a": "b" * 5000})[:2000],
        gzip.compress(files_tar({"a": "b" * 5000}), mtime=0)[:-20],
        gzip.compress(b"no archive at all", mtime=0),
        zstandard.compress(files_tar({"a": "b" * 5000}))[:-20],
        zstandard.compress(b"no archive at all"),
        b"\x28\xb5\x2f\xfd" + b"\xff" * 20,
    ],
)
def test_what_is_no_whole_archive_raises(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DamagedImage, match="layer blob contains no complete image"):
        analysed(data, tmp_path)
