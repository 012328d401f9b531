from __future__ import annotations

import gzip
import random
import zlib

import pytest
import zstandard

from drydock.project import compression
from drydock.project.compression import GZIP, ZSTD, Compression

# More than zstd gives one worker at once, and neither uniform nor random.
WORDS = random.Random(4).choices([b"import ", b"return ", b"self", b"\n    ", bytes(range(256))], k=400_000)  # noqa: S311
LAYER = b"".join(WORDS)


def packed(how: Compression, size: int = 1 << 20) -> bytes:
    made = how.compressor()
    parts = [made.compress(LAYER[start : start + size]) for start in range(0, len(LAYER), size)]
    return b"".join([*parts, made.flush()])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zstd", Compression("zstd", 12)),
        ("zstd:19", Compression("zstd", 19)),
        ("gzip", Compression("gzip", 6)),
        ("gzip:1", Compression("gzip", 1)),
    ],
)
def test_a_level_may_be_named(text: str, expected: Compression) -> None:
    assert Compression.parse(text) == expected
    assert Compression.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is not a compression"),
        ("brotli", "'brotli' is not a compression"),
        ("zstd:", "zstd has the levels 1 to 19, not ''"),
        ("zstd:20", "zstd has the levels 1 to 19, not '20'"),
        ("gzip:0", "gzip has the levels 1 to 9, not '0'"),
        ("gzip:-1", "gzip has the levels 1 to 9, not '-1'"),
    ],
)
def test_what_is_no_compression_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Compression.parse(text)


def test_what_is_sent_unpacks_to_the_layer() -> None:
    assert gzip.decompress(packed(GZIP)) == LAYER
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed(ZSTD)) == LAYER


@pytest.mark.parametrize("how", [ZSTD, GZIP], ids=str)
def test_the_pieces_in_which_a_layer_is_read_change_no_byte(how: Compression) -> None:
    assert len({packed(how, size) for size in (10_000, 1 << 20, 100_000_000)}) == 1


def test_the_number_of_threads_changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    made = set()
    for threads in (1, 2, 5):
        monkeypatch.setattr(compression, "ZSTD_THREADS", threads)
        made.add(packed(ZSTD))
    assert len(made) == 1


def test_whatever_decides_the_bytes_is_in_the_key() -> None:
    assert ZSTD.key == f"zstd-12-{'.'.join(map(str, zstandard.ZSTD_VERSION))}"
    assert GZIP.key == f"gzip-6-{zlib.ZLIB_RUNTIME_VERSION}"
