"""Images of a Docker Engine, with any image store."""

import errno
import json
import posixpath
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from drydock import temporary
from drydock.engine import Engine
from drydock.engine.errors import ImageMissing
from drydock.errors import NoSpace
from drydock.image import rebuilt
from drydock.image.archive import Part, Source, assemble, find_manifest, instructions, with_links
from drydock.image.cache import Analyst, Cache, user_cache
from drydock.image.errors import DamagedImage
from drydock.image.model import Config, Image, Layer
from drydock.image.record import CHUNK
from drydock.project.compression import ZSTD, Compression

# Only these instructions add a layer; WORKDIR adds one if its folder is new.
_LAYER_MAKERS = re.compile(r"^(?:/bin/sh -c |RUN|COPY|ADD)")
_PERHAPS_LAYER_MAKERS = re.compile(r"^WORKDIR")


def read(
    engine: Engine, reference: str, *, compression: Compression = ZSTD, cache: Cache | None = None
) -> Image:
    """Read an image of an engine.

    No layer is read twice: if all are known, two calls of the engine's API are enough. A single new one is
    read alone. Otherwise `docker save` is streamed, and only the new layers are analysed.
    """
    looking = Analyst(cache or user_cache(), compression)
    with answers(engine, reference):
        inspected = engine.image(reference)
        if inspected is None:
            raise ImageMissing(reference=reference)
        found = _from_cache(engine, inspected, reference, looking)
        if found is None:
            if rebuilt.read(engine, inspected, looking):
                found = _from_cache(engine, inspected, reference, looking)
            found = found or saved(engine, reference, inspected, looking)
            rebuilt.note(found, looking)
        return found


@contextmanager
def answers(engine: Engine, reference: str) -> Iterator[None]:
    """Turn the engine's errors about an image into drydock's."""
    try:
        with engine.answering():
            yield
    except OSError as error:
        import docker

        if not isinstance(error, docker.errors.APIError):
            raise
        # The engine answers an illegal name with 400.
        if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
            raise ImageMissing(reference=reference) from error
        raise DamagedImage(where=reference, problem=f"the engine says {error.explanation}") from error


def _from_cache(
    engine: Engine, inspected: Mapping[str, Any], reference: str, looking: Analyst
) -> Image | None:
    """Return the image without reading a layer; None if the cache lacks part of it."""
    diff_ids = inspected["RootFS"].get("Layers") or []
    known = [pair for diff_id in diff_ids if (pair := looking.known(diff_id))]
    if len(known) != len(diff_ids):
        return None
    content = looking.cache.configuration(inspected["Id"])
    if content is None and engine.podman:  # its description leaves HEALTHCHECK out
        return None
    stored = json.loads(content) if content else {}
    history = stored.get("history")
    made = (
        instructions(history, len(diff_ids))
        if history
        else guess_instructions(engine.history(inspected["Id"]), len(diff_ids))
    )
    if made is None:
        return None
    described = stored or {key.lower(): value for key, value in inspected.items()}
    return Image(
        reference,
        inspected["Id"],
        Config.of(described, described.get("config") or {}),
        tuple(Layer.of(text, record, blob.size) for text, (record, blob) in zip(made, known, strict=True)),
        looking.compression,
    )


def guess_instructions(history: Sequence[Mapping[str, Any]], count: int) -> list[str] | None:
    """Return each layer's instruction from an engine's history, which does not tell the steps with layers."""
    oldest_first = list(reversed(history))

    def texts(*makers: re.Pattern[str]) -> list[str]:
        return [
            str(item.get("CreatedBy") or "")
            for item in oldest_first
            if item.get("Size") or any(maker.match(item.get("CreatedBy") or "") for maker in makers)
        ]

    readings = (texts(), texts(_LAYER_MAKERS), texts(_LAYER_MAKERS, _PERHAPS_LAYER_MAKERS))
    return next((reading for reading in readings if len(reading) == count), None)


def saved(engine: Engine, reference: str, inspected: Mapping[str, Any], looking: Analyst) -> Image:
    """Read an image from the stream of `docker save`."""
    known = frozenset(
        diff_id for diff_id in inspected["RootFS"].get("Layers") or () if looking.known(diff_id)
    )
    with temporary.folder("image") as folder:
        chunks = engine.sdk.api.get_image(inspected["Id"], chunk_size=CHUNK)
        try:
            parts = unpack(chunks, folder, known)
        except tarfile.TarError as error:
            raise DamagedImage(where=reference, problem=f"`docker save` ended early: {error}") from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise NoSpace(during=f"the analysis of {reference}") from error
        source = Source(reference, parts, known)
        manifest = find_manifest(source, inspected.get("Architecture") or "")
        return assemble(source, manifest, reference, looking, inspected["Id"])


def unpack(chunks: Iterable[bytes], folder: Path, known: frozenset[str]) -> dict[str, Part]:
    """Unpack the stream of `docker save` as it arrives, except for known layers."""
    parts: dict[str, Part] = {}
    links: list[tarfile.TarInfo] = []
    # An uncompressed layer's blob is named by its diff id.
    skipped = {diff_id.removeprefix("sha256:") for diff_id in known}
    with tarfile.open(fileobj=Stream(chunks), mode="r|", bufsize=CHUNK) as archive:  # type: ignore[call-overload]
        for number, member in enumerate(iter(archive.next, None)):
            if not member.isreg():
                links.append(member)
            elif posixpath.basename(member.name) not in skipped:
                parts[member.name] = Part(folder / str(number), 0, member.size)
                content = archive.extractfile(member)
                with parts[member.name].path.open("wb") as file:
                    shutil.copyfileobj(content, file, CHUNK)
    return with_links(parts, links)


class Stream:
    """A file object for tarfile that reads from chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._held = b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size and (chunk := next(self._chunks, b"")):
            self._held += chunk
        data, self._held = self._held[:size], self._held[size:]
        return data
