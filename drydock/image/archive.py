"""Images outside an engine: archives of `docker save`, OCI archives, OCI layout folders."""

import hashlib
import io
import json
import platform
import posixpath
import tarfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock.image import record as records
from drydock.image.cache import Analyst, Blob, Cache, user_cache
from drydock.image.errors import AmbiguousImage, DamagedImage
from drydock.image.model import Config, Image, Layer
from drydock.image.record import Record
from drydock.project.compression import ZSTD, Compression

# zstd and hashlib release the interpreter's lock; a third thread would wait for it.
THREADS = 2
LARGEST_DOCUMENT = 16_000_000

_INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Part:
    """One file of an image archive, inside the archive or folder."""

    path: Path  # the file on disk
    offset: int  # in bytes
    size: int  # in bytes

    def open(self) -> io.BufferedReader:
        return io.BufferedReader(_Window(self), records.CHUNK)


class _Window(io.RawIOBase):
    def __init__(self, part: Part) -> None:
        self._file = part.path.open("rb")
        self._file.seek(part.offset)
        self._left = part.size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass(frozen=True)
class Manifest:
    id: str  # the image's id, from the archive
    config: str
    layers: tuple[str, ...]  # lowest first


@dataclass(frozen=True)
class Source:
    where: str  # the archive's name for errors
    parts: Mapping[str, Part]
    # diff ids of layers in the cache, which may be missing from the parts
    known: frozenset[str] = field(default_factory=frozenset)

    def content(self, name: str) -> bytes:
        """Read a document, byte for byte."""
        part = self.parts.get(name)
        if part is None:
            raise DamagedImage(where=self.where, problem=f"{name} is missing")
        if part.size > LARGEST_DOCUMENT:
            raise DamagedImage(where=self.where, problem=f"{name} is too large to be JSON")
        with part.open() as file:
            return file.read()

    def document(self, name: str) -> Any:
        try:
            return json.loads(self.content(name))
        except ValueError as error:
            raise DamagedImage(where=self.where, problem=f"{name} is not JSON") from error


def read_archive(
    path: Path, *, architecture: str = "", compression: Compression = ZSTD, cache: Cache | None = None
) -> Image:
    """Read an image from a tar archive (of `docker save` or OCI) or from an OCI layout folder."""
    parts = _parts_of_folder(path) if path.is_dir() else _parts_of_archive(path)
    source = Source(str(path), parts)
    manifest = find_manifest(source, architecture or _MACHINES.get(platform.machine(), platform.machine()))
    return assemble(source, manifest, str(path), Analyst(cache or user_cache(), compression))


def _parts_of_folder(folder: Path) -> dict[str, Part]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): Part(path, 0, path.stat().st_size) for path in files}


def _parts_of_archive(path: Path) -> dict[str, Part]:
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
    except (OSError, tarfile.TarError) as error:
        raise DamagedImage(where=path, problem=_reason(path, error)) from error
    files = [item for item in members if item.isreg()]
    parts = {posixpath.normpath(item.name): Part(path, item.offset_data, item.size) for item in files}
    return with_links(parts, members)


def with_links(parts: Mapping[str, Part], members: Iterable[tarfile.TarInfo]) -> dict[str, Part]:
    """Add the links among an archive's members: older engines store equal layers once and link to them."""
    found = dict(parts)
    for member in members:
        name = posixpath.normpath(member.name)
        folder = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(folder, member.linkname))
        if (member.issym() or member.islnk()) and target in parts:
            found[name] = parts[target]
    return found


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    with path.open("rb") as file:
        packed = records.compression(file.read(4))
    return f"it is compressed with {packed} as a whole" if packed else "it is not a tar archive"


def find_manifest(source: Source, architecture: str) -> Manifest:
    try:
        if "manifest.json" in source.parts:
            return _docker_manifest(source)
        if "index.json" in source.parts:
            return _oci_manifest(source, architecture)
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedImage(where=source.where, problem=f"its manifest lacks {error}") from error
    raise DamagedImage(where=source.where, problem="it has neither a manifest.json nor an index.json")


def _docker_manifest(source: Source) -> Manifest:
    entries = source.document("manifest.json")
    if len(entries) != 1:
        names = [(entry.get("RepoTags") or [entry["Config"]])[0] for entry in entries]
        raise AmbiguousImage(where=source.where, count=len(entries), choices=", ".join(names) or "none")
    entry = entries[0]
    digest = posixpath.basename(entry["Config"]).removesuffix(".json")
    return Manifest(f"sha256:{digest}", entry["Config"], tuple(entry["Layers"]))


def _oci_manifest(source: Source, architecture: str) -> Manifest:
    found = _descriptors(source, source.document("index.json")["manifests"])
    machines = {
        digest: item.get("platform", {}).get("architecture") or digest for digest, item in found.items()
    }
    fitting = [digest for digest, machine in machines.items() if machine == architecture]
    if len(fitting) != 1 and len(found) != 1:
        choices = ", ".join(machines[digest] for digest in fitting or found)
        raise AmbiguousImage(where=source.where, count=len(fitting or found), choices=choices or "none")
    (digest,) = fitting if len(fitting) == 1 else found
    manifest = source.document(_blob(digest))
    layers = tuple(_blob(layer["digest"]) for layer in manifest["layers"])
    return Manifest(digest, _blob(manifest["config"]["digest"]), layers)


def _descriptors(source: Source, manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the image manifests of an index and of the indexes in it, by digest."""
    found: dict[str, dict[str, Any]] = {}
    for item in manifests:
        # BuildKit lists attestations among the images, under an unknown platform.
        if item.get("platform", {}).get("architecture") == "unknown":
            continue
        if item.get("mediaType") in _INDEX_TYPES:
            found |= _descriptors(source, source.document(_blob(item["digest"]))["manifests"])
        else:
            found[item["digest"]] = item
    return found


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def assemble(
    source: Source, manifest: Manifest, reference: str, looking: Analyst, image_id: str = ""
) -> Image:
    """Analyse the layers missing from the cache, and return the image."""
    content, raw = source.content(manifest.config), source.document(manifest.config)
    try:
        diff_ids: list[str] = raw["rootfs"]["diff_ids"]
    except (KeyError, TypeError) as error:
        raise DamagedImage(where=source.where, problem=f"{manifest.config} lacks rootfs") from error
    if len(diff_ids) != len(manifest.layers):
        raise DamagedImage(
            where=source.where, problem=f"{len(manifest.layers)} layers for {len(diff_ids)} diff ids"
        )
    blobs = dict(zip(diff_ids, manifest.layers, strict=True))
    with ThreadPoolExecutor(THREADS) as pool:
        analyses = pool.map(lambda diff_id: _analysed(source, diff_id, blobs[diff_id], looking), blobs)
        found = dict(zip(blobs, analyses, strict=True))
    made = zip(instructions(raw.get("history") or [], len(diff_ids)), diff_ids, strict=True)
    looking.cache.add_configuration(image_id or manifest.id, content)
    return Image(
        reference=reference,
        id=image_id or manifest.id,
        config=Config.of(raw, raw.get("config") or {}),
        layers=tuple(Layer.of(text, found[diff_id][0], found[diff_id][1].size) for text, diff_id in made),
        compression=looking.compression,
        configuration=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )


def instructions(history: list[dict[str, Any]], count: int) -> list[str]:
    """Return each layer's instruction; empty texts if the history does not match the layers."""
    made = [str(item.get("created_by") or "") for item in history if not item.get("empty_layer")]
    return made if len(made) == count else [""] * count


def _analysed(source: Source, diff_id: str, name: str, looking: Analyst) -> tuple[Record, Blob]:
    known, part = looking.known(diff_id), source.parts.get(name)
    if known and (part is not None or diff_id in source.known):
        return known
    if part is None:
        raise DamagedImage(where=source.where, problem=f"layer {name} is missing")
    return looking.examine(diff_id, name, part.open, source.where)
