"""What was learned about layers and images, and layers ready to be sent, kept in the user's cache folder.

An entry is a file whose name is a digest of what it describes, so that entries never go stale; they only get
old. Damaged entries read as absent, and are then made again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import state
from drydock.image.blob import Blob, Packer, digest_of_file
from drydock.image.record import FORMAT, Record
from drydock.image.store import Store
from drydock.project.compression import Compression

LARGEST_CACHE = state.TABLE["images"].largest
LARGEST_BLOBS = state.TABLE["blobs"].largest


@dataclass(frozen=True)
class StoredLayer:
    """Where a layer of an image came from.

    Args:
        diff_id: The layer.
        created_by: The instruction that made it.
    """

    diff_id: str
    created_by: str


class Cache:
    """Records and blobs of layers by diff id; layers and configurations of images by image id.

    Args:
        folder: Where to keep them; made at the first write.
        largest: Bytes above which the analyses that were unused for longest are removed.
        largest_blobs: The same for compressed layers.
    """

    def __init__(
        self, folder: Path, largest: float = LARGEST_CACHE, largest_blobs: float = LARGEST_BLOBS
    ) -> None:
        self._facts = Store(folder / f"images-v{FORMAT}", largest)
        self._blobs = Store(folder / "blobs", largest_blobs)

    def record(self, diff_id: str) -> Record | None:
        """Return what is known about a layer's content."""
        data = self._facts.read(_name("layer", diff_id))
        try:
            record = Record.load(data) if data else None
        except (ValueError, KeyError):
            return None
        return record if record and record.diff_id == diff_id else None

    def add_record(self, record: Record) -> None:
        """Keep what is known about a layer's content."""
        self._facts.write(_name("layer", record.diff_id), record.dump())

    def layers(self, image_id: str) -> tuple[StoredLayer, ...] | None:
        """Return an image's layers."""
        found = self._read(_name("image", image_id))
        return None if found is None else tuple(StoredLayer(*fields) for fields in found)

    def add_layers(self, image_id: str, layers: tuple[StoredLayer, ...]) -> None:
        """Keep an image's layers."""
        self._write(_name("image", image_id), [[layer.diff_id, layer.created_by] for layer in layers])

    def configuration(self, image_id: str) -> bytes | None:
        """Return an image's configuration, byte for byte."""
        found = self._read(_name("configuration", image_id))
        return None if found is None else str(found).encode()

    def add_configuration(self, image_id: str, content: bytes) -> None:
        """Keep an image's configuration, which is JSON and so UTF-8."""
        self._write(_name("configuration", image_id), content.decode())

    def blob(self, diff_id: str, compression: Compression) -> Blob | None:
        """Return what a layer is when it is compressed, whether or not its bytes are at hand."""
        found = self._read(_name(f"blob-{compression.key}", diff_id))
        return None if found is None else Blob(diff_id, *found)

    def blob_file(self, blob: Blob) -> Path | None:
        """Return the file with a blob's bytes; None where it is not, or is damaged."""
        path = self._blobs.path(_name("blob", blob.digest))
        try:
            if path is None or path.stat().st_size != blob.size:
                return None
            with path.open("rb") as file:
                return path if digest_of_file(file) == blob.digest else None
        except OSError:
            return None

    @contextmanager
    def packer(self, compression: Compression) -> Iterator[Packer]:
        """Yield what compresses a layer into the cache; where that cannot be written, into nothing."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._blobs.making())
            except OSError:
                file = None
            yield Packer(compression, file)

    def add_blob(self, blob: Blob, compression: Compression, packer: Packer) -> None:
        """Keep what a packer made of a layer: what it is, and its bytes where they were written."""
        if packer.file:
            # Where the device is full, what is known of the blob still counts.
            with suppress(OSError):
                self._blobs.keep(packer.file, _name("blob", blob.digest))
        self._write(_name(f"blob-{compression.key}", blob.diff_id), [blob.digest, blob.size])

    def _read(self, name: str) -> Any:
        """Return a document; None where it is not, or is damaged."""
        digest, _, rest = (self._facts.read(name) or b"").partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            return None
        return json.loads(rest)

    def _write(self, name: str, document: Any) -> None:
        rest = json.dumps(document).encode()
        self._facts.write(name, hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)


def _name(kind: str, digest: str) -> str:
    return f"{kind}-{digest.removeprefix('sha256:')}"


@functools.cache
def user_cache() -> Cache:
    """Return the cache in the user's cache folder."""
    return Cache(state.cache())
