"""Find the engine's id of a new image."""

import json
from pathlib import Path
from typing import Any

from drydock.engine import Engine

ID_FILE = "id"
METADATA_FILE = "metadata"


def arguments(outputs: Path) -> list[str]:
    """Return buildx's options for writing the image's id and metadata."""
    return [f"--iidfile={outputs / ID_FILE}", f"--metadata-file={outputs / METADATA_FILE}"]


def metadata(outputs: Path) -> dict[str, Any]:
    """Return buildx's own record of a build; Podman writes none."""
    path = outputs / METADATA_FILE
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content


def image_id(engine: Engine, outputs: Path) -> str:
    """Return the image's id on the engine; empty for several platforms, which are not loaded.

    buildx names an image by its configuration's digest. So does an engine, unless it keeps images in
    containerd: there the id is the manifest's digest.
    """
    file = outputs / ID_FILE
    configuration = file.read_text().strip() if file.exists() else ""
    manifest = str(metadata(outputs).get("containerimage.digest", ""))
    if not configuration or manifest in ("", configuration):
        return configuration
    found = engine.image(configuration)
    return str(found["Id"]) if found else manifest
