"""How layers are compressed on their way to a registry: what is weighed is what is sent."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import ClassVar, Protocol

# zstd cuts what it compresses into jobs as soon as it has a worker thread. More workers change nothing about
# the bytes, none at all does: so there are always some, whatever the machine.
ZSTD_THREADS = 2
GZIP_WRAPPER = 31  # zlib's name for a gzip header and trailer around 32 kB windows


class Compressor(Protocol):
    """What compresses one layer."""

    def compress(self, data: bytes) -> bytes:
        """Take more of the layer and return what is ready of the blob."""

    def flush(self) -> bytes:
        """Return the rest of the blob."""


@dataclass(frozen=True)
class Compression:
    """A format and how hard it is to try; equal ones make equal bytes of a layer, on every machine.

    Args:
        name: ``zstd`` or ``gzip``.
        level: As the format counts them.
    """

    name: str
    level: int

    # The default level first: beyond it, seconds are spent that a build with nothing cached would show
    # (docs/background/results.md). A runtime reserves memory for the highest zstd levels: they are left out.
    LEVELS: ClassVar[dict[str, tuple[int, range]]] = {"zstd": (12, range(1, 20)), "gzip": (6, range(1, 10))}

    @classmethod
    def parse(cls, text: str) -> Compression:
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
        """The media type of a layer that was compressed so."""
        return f"application/vnd.oci.image.layer.v1.tar+{self.name}"

    @property
    def key(self) -> str:
        """Names all that decides the bytes: also the library's version, which may find better ones."""
        return f"{self.name}-{self.level}-{_version(self.name)}"

    def compressor(self) -> Compressor:
        """Return what compresses one layer."""
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
