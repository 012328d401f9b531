from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from drydock.publish.reference import parse
from drydock.publish.referrers import attach, attached
from drydock.publish.registry import OCI_INDEX, OCI_MANIFEST, Manifest, Registry, digest_of

TARGET = parse("registry.example/todo")
IMAGE = Manifest(OCI_MANIFEST, b'{"image": 1}')
SPDX = "application/spdx+json"


class Shelf:
    """A registry in memory, with or without the referrers API."""

    def __init__(self, *, api: bool) -> None:
        self.manifests = {IMAGE.digest: IMAGE}
        self.blobs: dict[str, bytes] = {}
        self._api = api

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        assert repository == TARGET.repository
        return self.manifests.get(reference)

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> bool:
        assert repository == TARGET.repository
        self.manifests[reference] = self.manifests[manifest.digest] = manifest
        return self._api and "subject" in manifest.document

    def blob(self, repository: str, digest: str) -> bytes | None:
        assert repository == TARGET.repository
        return self.blobs.get(digest)

    def put_blob(self, repository: str, content: bytes) -> str:
        assert repository == TARGET.repository
        self.blobs[digest_of(content)] = content
        return digest_of(content)

    def referrers(self, repository: str, digest: str) -> Mapping[str, Any] | None:
        assert repository == TARGET.repository
        if not self._api:
            return None
        found = [
            {"digest": manifest.digest}
            for manifest in self.manifests.values()
            if manifest.document.get("subject", {}).get("digest") == digest
        ]
        return {"manifests": found}


@pytest.mark.parametrize("api", [True, False])
def test_documents_are_found_with_and_without_the_api(api: bool) -> None:
    shelf = Shelf(api=api)
    client = cast(Registry, shelf)

    document = attach(client, TARGET, IMAGE.digest, SPDX, b"content")

    assert attached(client, TARGET, IMAGE.digest) == [document]
    assert (IMAGE.digest.replace(":", "-") in shelf.manifests) is not api


def test_a_manifest_points_at_the_image_and_at_nothing_else() -> None:
    shelf = Shelf(api=True)

    document = attach(cast(Registry, shelf), TARGET, IMAGE.digest, SPDX, b"content")

    assert json.loads(shelf.manifests[document.digest].content) == {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": SPDX,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": digest_of(b"{}"),
            "size": 2,
        },
        "layers": [{"mediaType": SPDX, "digest": digest_of(b"content"), "size": 7}],
        "subject": {"mediaType": OCI_MANIFEST, "digest": IMAGE.digest, "size": len(IMAGE.content)},
    }


def test_a_listed_manifest_of_another_image_is_no_referrer() -> None:
    shelf = Shelf(api=False)
    client = cast(Registry, shelf)
    other = Manifest(OCI_MANIFEST, b'{"image": 2}')
    shelf.manifests[other.digest] = other
    document = attach(client, TARGET, other.digest, SPDX, b"content")
    index = json.dumps({"manifests": [{"digest": document.digest}, {"digest": "sha256:absent"}]})

    shelf.manifests[IMAGE.digest.replace(":", "-")] = Manifest(OCI_INDEX, index.encode())

    assert attached(client, TARGET, IMAGE.digest) == []
