"""By which id an engine knows what was just built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drydock.engine import Engine

ID_FILE = "id"
METADATA_FILE = "metadata"


def arguments(outputs: Path) -> list[str]:
    """Return the options that make buildx say what it made."""
    return [f"--iidfile={outputs / ID_FILE}", f"--metadata-file={outputs / METADATA_FILE}"]


def metadata(outputs: Path) -> dict[str, Any]:
    """Return what buildx wrote about the build."""
    content: dict[str, Any] = json.loads((outputs / METADATA_FILE).read_text())
    return content


def image_id(engine: Engine, outputs: Path) -> str:
    """Return the id of the image on the engine; empty where several platforms were built, and none is loaded.

    buildx calls an image by the digest of its configuration, and so does an engine, unless it keeps images in
    containerd: then their ids are the digests of their manifests.
    """
    file = outputs / ID_FILE
    configuration = file.read_text().strip() if file.exists() else ""
    manifest = str(metadata(outputs).get("containerimage.digest", ""))
    if not configuration or manifest in ("", configuration):
        return configuration
    import docker

    try:
        return str(engine.sdk.images.get(configuration).id)
    except docker.errors.ImageNotFound:
        return manifest
