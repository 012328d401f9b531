"""An image in a registry's form: its exact configuration, and its compressed layers in files."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import temporary
from drydock.engine import Engine
from drydock.errors import NoSpace
from drydock.image.cache import Analyst, Blob, Cache, user_cache
from drydock.image.local import answers, saved
from drydock.project.compression import ZSTD, Compression


@dataclass(frozen=True)
class Packed:
    configuration: bytes  # exact bytes, which manifests name by digest
    layers: tuple[Blob, ...]  # lowest first; a repeated layer is repeated here
    files: Mapping[str, Path]  # the blobs' files by digest
    compression: Compression


@contextmanager
def packed(
    engine: Engine, reference: str, *, compression: Compression = ZSTD, cache: Cache | None = None
) -> Iterator[Packed]:
    """Yield an engine's image ready to be sent, reusing blobs made for weighing."""
    with temporary.folder("push") as folder:
        # If the user's cache is not writable, or smaller than the image, a push uses its own.
        for kept in (cache or user_cache(), Cache(folder, largest_blobs=sys.maxsize)):
            looking = Analyst(kept, compression, files=True)
            with answers(engine, reference):
                inspected = engine.sdk.images.get(reference).attrs
                found = _at_hand(inspected, looking)
                if found is None:
                    saved(engine, reference, inspected, looking)
                    found = _at_hand(inspected, looking)
            if found is not None:
                yield found
                return
    raise NoSpace(during=f"the compression of {reference}")


def configuration_digest(engine: Engine, reference: str, *, cache: Cache | None = None) -> str:
    """Return the digest by which manifests name an image's configuration.

    It is the image's id, except in containerd's store: there the id is the digest of a manifest that no
    registry needs.
    """
    looking = Analyst(cache or user_cache())
    with answers(engine, reference):
        inspected = engine.sdk.images.get(reference).attrs
        content = looking.cache.configuration(inspected["Id"])
        if content is None:
            return saved(engine, reference, inspected, looking).configuration
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _at_hand(inspected: Mapping[str, Any], looking: Analyst) -> Packed | None:
    configuration = looking.cache.configuration(inspected["Id"])
    layers, files = [], {}
    for diff_id in inspected["RootFS"].get("Layers") or ():
        blob = looking.cache.blob(diff_id, looking.compression)
        path = looking.cache.blob_file(blob) if blob else None
        if blob is None or path is None:
            return None
        layers.append(blob)
        files[blob.digest] = path
    if configuration is None:
        return None
    return Packed(configuration, tuple(layers), files, looking.compression)
