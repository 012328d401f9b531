"""Layers and images for tests, built byte by byte."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from drydock.image import Anatomy, Config, Image, Layer
from drydock.image.archive import Part
from drydock.image.packages import names_packages
from drydock.image.record import Record, analyse


@dataclass(frozen=True)
class Entry:
    """One member of a layer's archive."""

    name: str
    content: bytes = b""
    type: bytes = tarfile.REGTYPE
    link: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    pax: Mapping[str, str] = field(default_factory=dict)


def layer_tar(entries: Sequence[Entry], *, format: int = tarfile.PAX_FORMAT) -> bytes:  # noqa: A002 - tarfile's word
    """Return a layer's archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, errors="surrogateescape") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type, info.linkname, info.mode = entry.type, entry.link, entry.mode
            info.uid, info.gid, info.mtime = entry.uid, entry.gid, entry.mtime
            info.size = len(entry.content)
            info.pax_headers = dict(entry.pax)
            archive.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


def files_tar(files: Mapping[str, str | bytes]) -> bytes:
    return layer_tar(
        [
            Entry(name, content.encode() if isinstance(content, str) else content)
            for name, content in files.items()
        ]
    )


def folder(name: str) -> Entry:
    return Entry(name, type=tarfile.DIRTYPE, mode=0o755)


def digest(data: bytes) -> str:
    """Return a digest in registries' form."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def analysed(data: bytes, tmp_path: Path) -> Record:
    path = tmp_path / "blob"
    path.write_bytes(data)
    with Part(path, 0, len(data)).open() as blob:
        return analyse(blob, "blob", names_packages)


def configuration(layers: Sequence[bytes], **config: Any) -> dict[str, Any]:
    """Return an image configuration with some layers."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [
            {"created_by": "ENV A=1", "empty_layer": True},
            *({"created_by": f"COPY layer-{number} /"} for number in range(len(layers))),
        ],
    }


def docker_archive(layers: Sequence[bytes], *, legacy: bool = False, **config: Any) -> dict[str, bytes]:
    """Return the files of a `docker save` archive, as engines of today or before version 25 write it."""
    raw = json.dumps(configuration(layers, **config)).encode()
    name = digest(raw).removeprefix("sha256:")
    blobs = [digest(layer).removeprefix("sha256:") for layer in layers]
    if legacy:
        places = [f"{number}/layer.tar" for number in range(len(layers))]
        config_name = f"{name}.json"
    else:
        places = [f"blobs/sha256/{blob}" for blob in blobs]
        config_name = f"blobs/sha256/{name}"
    manifest = [{"Config": config_name, "RepoTags": ["shop:dev"], "Layers": places}]
    return {
        **dict(zip(places, layers, strict=True)),
        config_name: raw,
        "manifest.json": json.dumps(manifest).encode(),
    }


def containerd_archive(layers: Sequence[bytes], **config: Any) -> dict[str, bytes]:
    """Return the files of a `docker save` archive from an engine with containerd's store."""
    files = oci_layout(layers, **config)
    documents = {name: json.loads(content) for name, content in files.items() if content.startswith(b"{")}
    manifest = next(document for document in documents.values() if "layers" in document)

    def place(item: Mapping[str, Any]) -> str:
        return f"blobs/{item['digest'].replace(':', '/')}"

    entry = {
        "Config": place(manifest["config"]),
        "RepoTags": ["shop:dev"],
        "Layers": [place(layer) for layer in manifest["layers"]],
    }
    return {**files, "manifest.json": json.dumps([entry]).encode()}


def oci_layout(
    layers: Sequence[bytes], *, compress: bool = True, architecture: str = "amd64", **config: Any
) -> dict[str, bytes]:
    """Return the files of an OCI layout with one image and an attestation like BuildKit's."""
    blobs = [gzip.compress(layer, mtime=0) if compress else layer for layer in layers]
    raw = json.dumps(configuration(layers, **config) | {"architecture": architecture}).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": {"digest": digest(raw), "size": len(raw)},
            "layers": [{"digest": digest(blob), "size": len(blob)} for blob in blobs],
        }
    ).encode()
    index = json.dumps(
        {
            "manifests": [
                {"digest": digest(manifest), "platform": {"architecture": architecture, "os": "linux"}},
                {"digest": digest(b"attestation"), "platform": {"architecture": "unknown", "os": "unknown"}},
            ]
        }
    ).encode()
    outer = {
        "manifests": [
            {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(index)},
        ]
    }
    contents = [*blobs, raw, manifest, index]
    return {
        **{f"blobs/{digest(content).replace(':', '/')}": content for content in contents},
        "index.json": json.dumps(outer).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
    }


def write_archive(path: Path, files: Mapping[str, bytes]) -> Path:
    path.write_bytes(files_tar(files))
    return path


def write_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def anatomy_of(
    files: Mapping[str, str],
    programs: Sequence[str] = (),
    env: Sequence[str] = (),
    names: Mapping[str, str] = MappingProxyType({}),
) -> Anatomy:
    """Return an image of one layer, read by the usual reader.

    Args:
        files: Content by path.
        programs: Paths of additional executable files.
        env: Variables of its configuration.
        names: Hard links: a further name of a file by its path.
    """
    entries = [Entry(name.lstrip("/"), text.encode()) for name, text in files.items()]
    entries += [Entry(name.lstrip("/"), b"x", mode=0o755) for name in programs]
    entries += [Entry(name.lstrip("/"), type=tarfile.LNKTYPE, link=names[name].lstrip("/")) for name in names]
    content = io.BufferedReader(io.BytesIO(layer_tar(entries)))  # type: ignore[type-var]
    record = analyse(content, "test", names_packages)
    layer = Layer(record.diff_id, "", record.on_disk, record.on_disk, record)
    config = Config.of({"architecture": "amd64", "os": "linux"}, {"Env": list(env)})
    return Anatomy(Image("made:dev", "sha256:" + "ab" * 32, config, (layer,)))
