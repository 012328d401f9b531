"""Documents beside an image on its registry: attached as OCI referrers, and read back.

See the OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema": on a registry
without the API, an index under the tag ``sha256-<hex>`` takes its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock import errors
from drydock.publish.reference import Reference
from drydock.publish.registry import OCI_INDEX, OCI_MANIFEST, Manifest, Registry, descriptor

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"


@dataclass(frozen=True)
class Attachment:
    """A document that refers to an image.

    Args:
        digest: Of its manifest: what a signature of the document names.
        media_type: What the document is.
        content: Its bytes.
    """

    digest: str
    media_type: str
    content: bytes


def attach(client: Registry, target: Reference, digest: str, media_type: str, content: bytes) -> Attachment:
    """Attach a document to an image on a registry; one that is attached already stays as it is.

    Args:
        client: The registry.
        target: Any reference in the image's repository.
        digest: The image's manifest.
        media_type: What the document is, such as ``application/spdx+json``.
        content: The document.

    Raises:
        errors.DigestDiffers: The registry has no such image.
    """
    image = client.manifest(target.repository, digest)
    if image is None:
        raise errors.DigestDiffers(reference=target, found="missing", wanted=digest)
    manifest = _manifest(image, media_type, [_put(client, target, media_type, content)])
    _put(client, target, EMPTY_TYPE, EMPTY)
    if not client.put_manifest(target.repository, manifest.digest, manifest):
        _list_by_tag(client, target, digest, manifest)
    return Attachment(manifest.digest, media_type, content)


def attached(client: Registry, target: Reference, digest: str) -> list[Attachment]:
    """Return the documents that refer to an image, each checked against its digests.

    Args:
        client: The registry.
        target: Any reference in the image's repository.
        digest: The image's manifest.

    Raises:
        errors.DigestDiffers: A document that is listed is missing.
    """
    index = client.referrers(target.repository, digest)
    if index is None:
        listed = client.manifest(target.repository, _tag(digest))
        index = listed.document if listed else {}
    found = []
    for entry in index.get("manifests", []):
        manifest = client.manifest(target.repository, entry["digest"])
        # A signature of cosign's own kind, for one, is no document with one layer.
        if manifest is None or len(manifest.layers) != 1:
            continue
        if manifest.document.get("subject", {}).get("digest") != digest:
            continue
        ((blob, _),) = manifest.layers
        content = client.blob(target.repository, blob)
        if content is None:
            raise errors.DigestDiffers(reference=target, found="missing", wanted=blob)
        found.append(Attachment(manifest.digest, str(manifest.document.get("artifactType", "")), content))
    return found


def _put(client: Registry, target: Reference, media_type: str, content: bytes) -> dict[str, Any]:
    digest = client.put_blob(target.repository, content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _manifest(image: Manifest, artifact_type: str, layers: list[dict[str, Any]]) -> Manifest:
    config = Manifest(EMPTY_TYPE, EMPTY)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": descriptor(config),
        "layers": layers,
        "subject": descriptor(image),
    }
    return Manifest(OCI_MANIFEST, json.dumps(document).encode())


def _list_by_tag(client: Registry, target: Reference, digest: str, manifest: Manifest) -> None:
    """Add a manifest to the index that stands in for the referrers API."""
    listed = client.manifest(target.repository, _tag(digest))
    entries: list[Mapping[str, Any]] = list(listed.document.get("manifests", [])) if listed else []
    if any(entry["digest"] == manifest.digest for entry in entries):
        return
    entries.append(descriptor(manifest) | {"artifactType": manifest.document["artifactType"]})
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    client.put_manifest(target.repository, _tag(digest), Manifest(OCI_INDEX, json.dumps(index).encode()))


def _tag(digest: str) -> str:
    return digest.replace(":", "-")
