"""Hand an engine's image to a builder that does not see it, as an OCI layout."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from drydock.engine import Engine

_OCI = "application/vnd.oci.image"
# A layer's compression, by its first bytes; engines keep layers unpacked, containerd's store as they came.
_PACKED = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}


def write(engine: Engine, reference: str, folder: Path) -> str:
    """Write an image into an empty folder, and return the layout's address for ``--build-context``."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    saved = folder / "saved.tar"
    with saved.open("wb") as file:
        file.writelines(engine.sdk.images.get(reference).save(named=reference))
    with tarfile.open(saved, "r:") as archive:
        (image,) = json.load(_member(archive, "manifest.json"))
        config = _blob(blobs, archive, image["Config"])
        layers = [_blob(blobs, archive, name) for name in image["Layers"]]
    saved.unlink()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": config | {"mediaType": f"{_OCI}.config.v1+json"},
        "layers": layers,
    }
    content = json.dumps(manifest).encode()
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    listed = {"mediaType": manifest["mediaType"], "digest": f"sha256:{digest}", "size": len(content)}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [listed]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci-layout://{folder}@sha256:{digest}"


def _blob(blobs: Path, archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    """Copy a member to its digest's place and describe it; archives of older engines name it otherwise."""
    content = _member(archive, name)
    digest = hashlib.file_digest(content, "sha256").hexdigest()
    content.seek(0)
    with (blobs / digest).open("wb") as file:
        start = content.read(2)
        file.write(start)
        while chunk := content.read(1 << 20):
            file.write(chunk)
        size = file.tell()
    kind = f"{_OCI}.layer.v1.tar{_PACKED.get(start, '')}"
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _member(archive: tarfile.TarFile, name: str) -> Any:
    content = archive.extractfile(name)
    assert content is not None  # noqa: S101 - the engine lists files alone
    return content
