"""Write a root file system as an image archive that `docker load` takes: same files, same image id."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path


def write(target: Path, layer: Path, configuration: Mapping[str, object], reference: str) -> str:
    """Write the archive and return the image's id.

    `docker import` would stamp the image with the current time, which gives a new id each time.
    """
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    complete = {
        **configuration,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": configuration["created"], "created_by": "drydock"}],
    }
    config = json.dumps(complete, sort_keys=True).encode()
    image_id = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{image_id}.json", "RepoTags": [reference], "Layers": [f"{digest}.tar"]}]
    with tarfile.open(target, "w") as archive:
        for name, content in ((f"{image_id}.json", config), ("manifest.json", json.dumps(manifest).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        archive.add(layer, f"{digest}.tar")
    return f"sha256:{image_id}"
