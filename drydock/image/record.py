"""The analysis of one layer: made from its tar archive, and stored as a small text."""

import functools
import gzip
import hashlib
import io
import json
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Self, cast

from drydock.image.errors import DamagedImage
from drydock.image.file import File, Kind

# Increase it with every change of the analysis or its form: it invalidates older records.
FORMAT = 4
CHUNK = 1 << 20
LARGEST_TEXT = 16_000_000

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_KINDS = {
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.CHRTYPE: Kind.DEVICE,
    tarfile.BLKTYPE: Kind.DEVICE,
    tarfile.FIFOTYPE: Kind.PIPE,
}


@dataclass(frozen=True)
class Record:
    diff_id: str  # sha256 of the uncompressed tar archive, with its algorithm in front
    on_disk: int  # bytes of the uncompressed tar archive
    # the packed files and texts; unpacked at first use, since sizes do not need them
    body: bytes = field(repr=False)

    @functools.cached_property
    def _unpacked(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = json.loads(zlib.decompress(self.body))
        return content

    @functools.cached_property
    def files(self) -> tuple[File, ...]:
        """All entries of the layer, in its own order."""
        return tuple(
            File(path, Kind(kind), size, mode, uid, gid, mtime, link, digest, self.diff_id)
            for path, kind, size, mode, uid, gid, mtime, link, digest in self._unpacked["files"]
        )

    @property
    def texts(self) -> Mapping[str, str]:
        texts: Mapping[str, str] = self._unpacked["texts"]
        return texts

    def dump(self) -> bytes:
        head = {"diff_id": self.diff_id, "on_disk": self.on_disk}
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def load(cls, data: bytes) -> Self:
        head, _, body = data.partition(b"\n")
        found = json.loads(head)
        return cls(found["diff_id"], found["on_disk"], body)


def compression(head: bytes) -> str | None:
    """Return a blob's compression from its first bytes; None for a plain tar archive."""
    if head.startswith(_GZIP):
        return "gzip"
    return "zstd" if head.startswith(_ZSTD) else None


def analyse(
    blob: io.BufferedReader,
    name: str,
    keeps: Callable[[str], bool],
    also: Callable[[bytes], None] = lambda _: None,
) -> Record:
    """Read a layer once from start to end; `also` receives its uncompressed bytes."""
    import zstandard

    try:
        meter = _Meter(_decompressed(blob), also)
        files, texts = _walk(meter, keeps)
        meter.drain()
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise DamagedImage(where=f"layer {name}", problem=str(error) or "it ends too early") from error
    body = zlib.compress(json.dumps({"files": files, "texts": texts}).encode(), 6)
    return Record(f"sha256:{meter.digest}", meter.bytes, body)


def _decompressed(source: io.BufferedReader) -> IO[bytes]:
    packed = compression(source.peek(4))
    if packed is None:
        return source
    if packed == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=source, mode="rb"))
    import zstandard

    # As with gzip, a stream may have several frames.
    return zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)


class _Meter:
    """Passes on everything that tarfile reads, while hashing and counting it."""

    def __init__(self, source: IO[bytes], also: Callable[[bytes], None]) -> None:
        self._source = source
        self._also = also
        self._hash = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int) -> bytes:
        parts = []
        while size and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self._hash.update(data)
        self.bytes += len(data)
        self._also(data)
        return data

    def drain(self) -> None:
        """Read the bytes after the archive's end: padding is part of the layer."""
        while self.read(CHUNK):
            pass

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _walk(meter: _Meter, keeps: Callable[[str], bool]) -> tuple[list[list[Any]], dict[str, str]]:
    """List a tar archive's entries, as File's fields without the layer, and the texts to keep."""
    files: list[list[Any]] = []
    texts: dict[str, str] = {}
    # A stream (`r|`) is read strictly forward, so one pass is enough for everything.
    with tarfile.open(fileobj=meter, mode="r|", bufsize=CHUNK, errors="surrogateescape") as archive:  # type: ignore[call-overload]
        for member in iter(archive.next, None):
            path, kind = identify(member)
            digest = ""
            if kind is Kind.FILE:
                content = archive.extractfile(member)
                assert content is not None  # noqa: S101 - a regular file has content
                wanted = keeps(path) and member.size <= LARGEST_TEXT
                digest, text = _read(content, keep=wanted)
                if wanted:
                    texts[path] = text
            size = member.size if kind is Kind.FILE else 0
            link = absolute(member.linkname) if kind is Kind.HARDLINK else member.linkname
            owned = (member.mode & 0o7777, member.uid, member.gid, int(member.mtime))
            files.append([path, kind, size, *owned, link, digest])
            archive.members.clear()  # kept by tarfile for a second look, which a stream does not allow
    return files, texts


def absolute(path: str) -> str:
    """Return a tar archive's path as an absolute, normalised one."""
    # normpath keeps two leading slashes, as POSIX allows.
    return "/" + posixpath.normpath("/" + path).lstrip("/")


def identify(member: tarfile.TarInfo) -> tuple[str, Kind]:
    path = absolute(member.name)
    folder, name = posixpath.split(path)
    if name == ".wh..wh..opq":
        return folder, Kind.OPAQUE
    if name.startswith(".wh."):
        return posixpath.join(folder, name.removeprefix(".wh.")), Kind.WHITEOUT
    return path, _KINDS.get(member.type, Kind.FILE)


def _read(content: IO[bytes], *, keep: bool) -> tuple[str, str]:
    digest = hashlib.sha256()
    kept: list[bytes] = []
    while data := content.read(CHUNK):
        digest.update(data)
        if keep:
            kept.append(data)
    return digest.hexdigest(), b"".join(kept).decode("utf-8", "replace")
