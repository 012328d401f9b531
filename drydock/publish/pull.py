"""Read an image straight from its registry: its configuration, or all of it as an OCI layout."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drydock.engine import Engine
from drydock.publish.errors import NotPulled
from drydock.publish.push import registry
from drydock.publish.reference import Reference, parse
from drydock.publish.registry import Manifest, Registry
from drydock.publish.tags import LATEST


def named(text: str) -> Reference | None:
    """Return an image's name on a registry that the name itself states; None for any other."""
    host, slash, _ = text.partition("/")
    return parse(text) if slash and (host == "localhost" or set(host) & set(".:")) else None


def labels(engine: Engine, target: Reference) -> Mapping[str, str]:
    with registry(engine, target) as client:
        manifest = _manifest(client, target, str(engine.version["Arch"]))
        configuration = json.loads(client.blob(target.repository, manifest.config))
    found: Mapping[str, str] = configuration.get("config", {}).get("Labels") or {}
    return found


def layout(engine: Engine, target: Reference, folder: Path) -> Path:
    """Fetch an image into an OCI layout folder; of an index, the image for the engine's platform."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    with registry(engine, target) as client:
        manifest = _manifest(client, target, str(engine.version["Arch"]))
        _keep(blobs, manifest.digest, manifest.content)
        layers = (layer["digest"] for layer in manifest.document["layers"])
        for digest in dict.fromkeys((manifest.config, *layers)):
            _keep(blobs, digest, client.blob(target.repository, digest))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [dict(manifest.descriptor)]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def _manifest(client: Registry, target: Reference, architecture: str) -> Manifest:
    wanted = target.digest or target.tag or LATEST
    found = client.manifest(target.repository, wanted)
    if found is None:
        raise NotPulled(reference=target)
    entries: list[dict[str, Any]] = found.document.get("manifests", [])
    if entries:
        machines = {one.get("platform", {}).get("architecture"): one["digest"] for one in reversed(entries)}
        chosen = machines.get(architecture)
        found = client.manifest(target.repository, chosen) if chosen else None
    if found is None:
        raise NotPulled(reference=f"{target} for {architecture}")
    return found


def _keep(folder: Path, digest: str, content: bytes) -> None:
    (folder / digest.removeprefix("sha256:")).write_bytes(content)
