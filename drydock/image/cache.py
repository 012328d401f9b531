"""The user's cache of facts about layers and images, and of compressed layers.

An entry is a file named by its subject's digest, so it never goes stale. Damaged entries count as missing,
and are made again.
"""

import functools
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from drydock import state
from drydock.image.errors import DamagedImage
from drydock.image.packages import names_packages
from drydock.image.record import FORMAT, Record, analyse
from drydock.image.store import Store
from drydock.project.compression import ZSTD, Compression

LARGEST_CACHE = state.TABLE["images"].largest
LARGEST_BLOBS = state.TABLE["blobs"].largest


@dataclass(frozen=True)
class Blob:
    diff_id: str  # the layer: ``sha256:`` of the uncompressed tar archive
    digest: str  # the same of the compressed bytes
    size: int  # number of compressed bytes


@dataclass(frozen=True)
class Former:
    """A layer that was on certain layers, and an image with it, by their digests."""

    layer: str
    image: str


class Packer:
    """Compresses a layer while it is read."""

    def __init__(self, compression: Compression, file: IO[bytes] | None) -> None:
        self._compressor = compression.compressor()
        self.file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._take(self._compressor.compress(data))

    def finish(self, diff_id: str) -> Blob:
        self._take(self._compressor.flush())
        return Blob(diff_id, f"sha256:{self._hash.hexdigest()}", self._size)

    def _take(self, packed: bytes) -> None:
        self._hash.update(packed)
        self._size += len(packed)
        if self.file:
            try:
                self.file.write(packed)
            except OSError:
                self.file = None


class Cache:
    """Records and blobs of layers by diff id; configurations of images by image id."""

    def __init__(
        self, folder: Path, largest: float = LARGEST_CACHE, largest_blobs: float = LARGEST_BLOBS
    ) -> None:
        self._facts = Store(folder / f"images-v{FORMAT}", largest)
        self._blobs = Store(folder / "blobs", largest_blobs)

    def record(self, diff_id: str) -> Record | None:
        data = self._entry(_name("layer", diff_id))
        record = Record.load(data) if data else None
        return record if record and record.diff_id == diff_id else None

    def add_record(self, record: Record) -> None:
        self._add(_name("layer", record.diff_id), record.dump())

    def configuration(self, image_id: str) -> bytes | None:
        """Return an image's configuration, byte for byte."""
        found = self._read(_name("configuration", image_id))
        return None if found is None else str(found).encode()

    def add_configuration(self, image_id: str, content: bytes) -> None:
        """Store an image's configuration, which is JSON and so UTF-8."""
        self._write(_name("configuration", image_id), content.decode())

    def former(self, below: Sequence[str]) -> Former | None:
        """Return the last known layer above these ones."""
        found = self._read(_above(below))
        return None if found is None else Former(*found)

    def add_former(self, below: Sequence[str], former: Former) -> None:
        self._write(_above(below), [former.layer, former.image])

    def blob(self, diff_id: str, compression: Compression) -> Blob | None:
        """Return a layer's compressed form, whether or not its bytes are in the cache."""
        found = self._read(_name(f"blob-{compression.key}", diff_id))
        return None if found is None else Blob(diff_id, *found)

    def blob_file(self, blob: Blob) -> Path | None:
        """Return the file with a blob's bytes; None if it is missing or damaged."""
        path = self._blobs.path(_name("blob", blob.digest))
        try:
            if path is None or path.stat().st_size != blob.size:
                return None
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return path if f"sha256:{digest}" == blob.digest else None
        except OSError:
            return None

    @contextmanager
    def packer(self, compression: Compression) -> Iterator[Packer]:
        """Yield a packer that writes into the cache, or only counts if that is not writable."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._blobs.making())
            except OSError:
                file = None
            yield Packer(compression, file)

    def add_blob(self, blob: Blob, compression: Compression, packer: Packer) -> None:
        """Store a compressed layer's digest and size, and its bytes if they were written."""
        if packer.file:
            # If the device is full, digest and size are still valid.
            with suppress(OSError):
                self._blobs.keep(packer.file, _name("blob", blob.digest))
        self._write(_name(f"blob-{compression.key}", blob.diff_id), [blob.digest, blob.size])

    def _read(self, name: str) -> Any:
        """Return a document; None if it is missing or damaged."""
        found = self._entry(name)
        return None if found is None else json.loads(found)

    def _write(self, name: str, document: Any) -> None:
        self._add(name, json.dumps(document).encode())

    def _entry(self, name: str) -> bytes | None:
        digest, _, content = (self._facts.read(name) or b"").partition(b"\n")
        return content if hashlib.sha256(content).hexdigest().encode() == digest else None

    def _add(self, name: str, content: bytes) -> None:
        self._facts.write(name, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def _name(kind: str, digest: str) -> str:
    return f"{kind}-{digest.removeprefix('sha256:')}"


def _above(below: Sequence[str]) -> str:
    return _name("above", hashlib.sha256("\n".join(below).encode()).hexdigest())


@functools.cache
def user_cache() -> Cache:
    return Cache(state.cache())


@dataclass(frozen=True)
class Analyst:
    """Analyses and compresses layers, unless the cache has the result."""

    cache: Cache
    compression: Compression = ZSTD
    files: bool = False  # whether the compressed bytes are needed, and not only their number
    # Records unpack their files once, at first use.
    _found: dict[str, tuple[Record, Blob]] = field(default_factory=dict, repr=False, compare=False)

    def known(self, diff_id: str) -> tuple[Record, Blob] | None:
        """Return a layer's analysis and blob from the cache; None unless it has both."""
        if diff_id in self._found:
            return self._found[diff_id]
        record, blob = self.cache.record(diff_id), self.cache.blob(diff_id, self.compression)
        if record is None or blob is None or (self.files and self.cache.blob_file(blob) is None):
            return None
        self._found[diff_id] = record, blob
        return record, blob

    def examine(
        self, diff_id: str, name: str, opened: Callable[[], io.BufferedReader], where: str
    ) -> tuple[Record, Blob]:
        """Read a layer once; store and return its analysis and its blob."""
        with opened() as source, self.cache.packer(self.compression) as packer:
            record = analyse(source, name, names_packages, packer.write)
            if record.diff_id != diff_id:
                raise DamagedImage(
                    where=where, problem=f"layer {name} has the digest {record.diff_id}, not {diff_id}"
                )
            blob = packer.finish(diff_id)
            self.cache.add_record(record)
            self.cache.add_blob(blob, self.compression, packer)
        self._found[diff_id] = record, blob
        return record, blob
