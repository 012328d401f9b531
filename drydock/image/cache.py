"""What was learned about layers and images, kept in the user's cache folder.

An entry is a file whose name is a digest of what it describes, so that entries never go stale; they only get
old. Damaged entries read as absent, and are then made again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from drydock.image.record import FORMAT, Record

# The analysis of a 100 MB image takes 1 to 2 MB: room for some hundred builds.
LARGEST_CACHE = 200_000_000


@dataclass(frozen=True)
class StoredLayer:
    """Where a layer of an image came from, and what it weighs as stored.

    Args:
        diff_id: The layer.
        created_by: The instruction that made it.
        blob_size: Bytes of the compressed blob; None where the layer is stored uncompressed.
    """

    diff_id: str
    created_by: str
    blob_size: int | None


class Cache:
    """Records of layers by diff id, and the layers of images by image id.

    Args:
        folder: Where to keep them; made at the first write.
        largest: Bytes above which the entries that were unused for longest are removed.
    """

    def __init__(self, folder: Path, largest: int = LARGEST_CACHE) -> None:
        self._folder = folder / f"images-v{FORMAT}"
        self._largest = largest

    def record(self, diff_id: str) -> Record | None:
        """Return what is known about a layer's content."""
        data = self._read(self._path("layer", diff_id))
        try:
            record = Record.load(data) if data else None
        except (ValueError, KeyError):
            return None
        return record if record and record.diff_id == diff_id else None

    def add_record(self, record: Record) -> None:
        """Keep what is known about a layer's content."""
        self._write(self._path("layer", record.diff_id), record.dump())

    def layers(self, image_id: str) -> tuple[StoredLayer, ...] | None:
        """Return an image's layers."""
        data = self._read(self._path("image", image_id))
        digest, _, rest = (data or b"").partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            return None
        return tuple(StoredLayer(*fields) for fields in json.loads(rest))

    def add_layers(self, image_id: str, layers: tuple[StoredLayer, ...]) -> None:
        """Keep an image's layers."""
        rest = json.dumps([[layer.diff_id, layer.created_by, layer.blob_size] for layer in layers]).encode()
        self._write(self._path("image", image_id), hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)

    def _path(self, kind: str, digest: str) -> Path:
        return self._folder / f"{kind}-{digest.removeprefix('sha256:')}"

    def _read(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
            os.utime(path)  # the time of the last use decides what is pruned
        except OSError:
            return None
        return data

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file that is there as a whole or not at all; a cache that cannot be written is no error."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
                try:
                    file.write(data)
                    file.close()
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError:
            return
        self._prune()

    def _prune(self) -> None:
        entries = sorted(self._entries(), key=lambda entry: entry[1].st_mtime_ns, reverse=True)
        total = 0
        for path, stat in entries:
            total += stat.st_size
            if total > self._largest:
                path.unlink(missing_ok=True)

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._folder.iterdir():
            try:
                yield path, path.stat()
            except FileNotFoundError:  # another process pruned it
                continue


@functools.cache
def user_cache() -> Cache:
    """Return the cache in the user's cache folder."""
    return Cache(platformdirs.user_cache_path("drydock"))
