"""Layers as they are sent: compressed, with the digest and the bytes that a registry knows them by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import IO

from drydock.project.compression import Compression


@dataclass(frozen=True)
class Blob:
    """A compressed layer.

    Args:
        diff_id: The layer: sha256 of the uncompressed tar archive, with its algorithm in front.
        digest: The same of the compressed bytes.
        size: How many those are.
    """

    diff_id: str
    digest: str
    size: int


class Packer:
    """Compresses a layer while it is read.

    Args:
        compression: How.
        file: Gets the compressed bytes; None where only their number and digest are wanted, as after the
            device was full.
    """

    def __init__(self, compression: Compression, file: IO[bytes] | None) -> None:
        self._compressor = compression.compressor()
        self.file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Take more of the layer."""
        self._take(self._compressor.compress(data))

    def finish(self, diff_id: str) -> Blob:
        """End the blob and say what it is."""
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


def digest_of_file(file: IO[bytes]) -> str:
    """Return the digest of what a file holds."""
    return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"  # type: ignore[arg-type]
