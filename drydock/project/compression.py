"""Compress layers for a registry: the measured bytes are the pushed bytes."""

import zlib
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

# With any worker thread, zstd cuts its input into jobs. The number of workers does not change the bytes,
# but having none does: so there are always some, on every machine.
ZSTD_THREADS = 2
GZIP_WRAPPER = 31  # zlib's name for a gzip header and trailer around 32 kB windows


class Compressor(Protocol):
    def compress(self, data: bytes) -> bytes:
        """Take more of the layer and return the finished bytes of the blob."""

    def flush(self) -> bytes:
        """Return the rest of the blob."""


@dataclass(frozen=True)
class Compression:
    """A format and its level; equal ones make equal bytes of a layer on every machine."""

    name: str  # `zstd` or `gzip`
    level: int  # as the format counts

    # The default level first. Higher ones would visibly slow an uncached build (docs/background/results.md).
    # A runtime reserves memory for the highest zstd levels, so those are left out.
    LEVELS: ClassVar[dict[str, tuple[int, range]]] = {"zstd": (12, range(1, 20)), "gzip": (6, range(1, 10))}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``zstd``, ``gzip``, or either with a level, such as ``zstd:15``."""
        name, colon, level = text.partition(":")
        if name not in cls.LEVELS:
            raise ValueError(f"{text!r} is not a compression")
        default, levels = cls.LEVELS[name]
        if not colon:
            return cls(name, default)
        if not level.isdecimal() or int(level) not in levels:
            raise ValueError(f"{name} has the levels {levels.start} to {levels.stop - 1}, not {level!r}")
        return cls(name, int(level))

    def __str__(self) -> str:
        return f"{self.name}:{self.level}"

    @property
    def media_type(self) -> str:
        return f"application/vnd.oci.image.layer.v1.tar+{self.name}"

    @property
    def key(self) -> str:
        """The key of a cached size: the library's version is in it, since it may change the bytes."""
        return f"{self.name}-{self.level}-{_version(self.name)}"

    def compressor(self) -> Compressor:
        if self.name == "gzip":
            return zlib.compressobj(self.level, zlib.DEFLATED, GZIP_WRAPPER)
        import zstandard

        return zstandard.ZstdCompressor(level=self.level, threads=ZSTD_THREADS).compressobj()


def _version(name: str) -> str:
    if name == "gzip":
        return zlib.ZLIB_RUNTIME_VERSION
    import zstandard

    return ".".join(map(str, zstandard.ZSTD_VERSION))


ZSTD = Compression.parse("zstd")
GZIP = Compression.parse("gzip")
