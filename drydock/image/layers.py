"""Layers of an image: each analysed and compressed once, in one pass over its bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from drydock.image import record as records
from drydock.image.blob import Blob
from drydock.image.cache import Cache, user_cache
from drydock.image.errors import DamagedImage
from drydock.image.packages import names_packages
from drydock.image.record import Record
from drydock.project.compression import ZSTD, Compression


@dataclass(frozen=True)
class Analyst:
    """Says what is in layers and what is sent for them; asks the cache before it looks.

    Args:
        cache: Where the answers are kept.
        compression: How layers are sent.
        files: Whether the compressed bytes must be at hand, and not only their number.
    """

    cache: Cache
    compression: Compression = ZSTD
    files: bool = False

    def known(self, diff_id: str) -> tuple[Record, Blob] | None:
        """Return what the cache has about a layer, if that is all that is wanted."""
        record, blob = self.cache.record(diff_id), self.cache.blob(diff_id, self.compression)
        if record is None or blob is None or (self.files and self.cache.blob_file(blob) is None):
            return None
        return record, blob

    def examine(
        self, diff_id: str, name: str, opened: Callable[[], io.BufferedReader], where: str
    ) -> tuple[Record, Blob]:
        """Read a layer once, and keep what was learned and made.

        Args:
            diff_id: The digest that its uncompressed bytes must have.
            name: What to call it in an error.
            opened: Opens it, plain or compressed in whatever way.
            where: What holds it, for an error.

        Raises:
            DamagedImage: It is no layer, or another one.
        """
        with opened() as source, self.cache.packer(self.compression) as packer:
            record = records.analyse(source, name, names_packages, packer.write)
            if record.diff_id != diff_id:
                raise DamagedImage(
                    where=where, problem=f"layer {name} has the digest {record.diff_id}, not {diff_id}"
                )
            blob = packer.finish(diff_id)
            self.cache.add_record(record)
            self.cache.add_blob(blob, self.compression, packer)
        return record, blob


def analyst(cache: Cache | None = None, compression: Compression = ZSTD) -> Analyst:
    """Return an analyst with the user's cache unless another one is named."""
    return Analyst(cache or user_cache(), compression)
