"""The documents that make blobs on a registry an image: a manifest, or an index of one for each platform."""

from __future__ import annotations

import json
from collections.abc import Sequence

from drydock.image import Packed
from drydock.publish.registry import (
    OCI_CONFIGURATION,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    Registry,
    descriptor,
    digest_of,
)


def manifest_of(content: Packed) -> Manifest:
    """Return the manifest of a packed image; the same image has the same one, byte for byte."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": OCI_CONFIGURATION,
            "digest": digest_of(content.configuration),
            "size": len(content.configuration),
        },
        "layers": [
            {"mediaType": content.compression.media_type, "digest": blob.digest, "size": blob.size}
            for blob in content.layers
        ],
    }
    return Manifest(OCI_MANIFEST, json.dumps(document, indent=2).encode())


def index_of(contents: Sequence[Packed], manifests: Sequence[Manifest]) -> Manifest:
    """Return the index of one image for several platforms, which its configurations name."""
    entries = []
    for content, manifest in zip(contents, manifests, strict=True):
        configuration = json.loads(content.configuration)
        names = ("architecture", "os", "variant")
        platform = {name: configuration[name] for name in names if configuration.get(name)}
        entries.append(descriptor(manifest) | {"platform": platform})
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return Manifest(OCI_INDEX, json.dumps(document, indent=2).encode())


def configurations(client: Registry, repository: str, manifest: Manifest) -> set[str]:
    """Return the digest of an image's configuration, or those of all images of an index."""
    found = {manifest.config} if manifest.config else set()
    for entry in manifest.document.get("manifests", []):
        if (image := client.manifest(repository, entry["digest"])) is not None:
            found |= configurations(client, repository, image)
    return found
