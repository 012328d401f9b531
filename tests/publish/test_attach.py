from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from drydock.publish.attach import Attestation, attestations
from drydock.publish.reference import parse
from drydock.publish.registry import OCI_INDEX, OCI_MANIFEST, Manifest, Registry, digest_of

IMAGE = Manifest(OCI_MANIFEST, b'{"image": 1}')
TARGET = parse(f"registry.example/todo@{IMAGE.digest}")
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SPDX = "https://spdx.dev/Document"


def bundle(kind: str, predicate: object) -> bytes:
    payload = json.dumps({"predicateType": kind, "predicate": predicate}).encode()
    return json.dumps({"dsseEnvelope": {"payload": base64.b64encode(payload).decode()}}).encode()


class Shelf:
    """A registry in memory, with or without the referrers API."""

    def __init__(self, *, api: bool) -> None:
        self.manifests = {IMAGE.digest: IMAGE}
        self.blobs: dict[str, bytes] = {}
        self._api = api
        self._listed: list[dict[str, str]] = []

    def put(self, content: bytes, media_type: str = BUNDLE_TYPE, subject: str = IMAGE.digest) -> Manifest:
        """Attach content as cosign does."""
        self.blobs[digest_of(content)] = content
        document = {
            "layers": [{"mediaType": media_type, "digest": digest_of(content), "size": len(content)}],
            "subject": {"digest": subject},
        }
        made = Manifest(OCI_MANIFEST, json.dumps(document).encode())
        self.manifests[made.digest] = made
        self._listed.append({"digest": made.digest})
        if not self._api:
            index = json.dumps({"manifests": self._listed}).encode()
            self.manifests[IMAGE.digest.replace(":", "-")] = Manifest(OCI_INDEX, index)
        return made

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        assert repository == TARGET.repository
        return self.manifests.get(reference)

    def blob(self, repository: str, digest: str) -> bytes | None:
        assert repository == TARGET.repository
        return self.blobs.get(digest)

    def referrers(self, repository: str, digest: str) -> Mapping[str, Any] | None:
        assert (repository, digest) == (TARGET.repository, TARGET.digest)
        return {"manifests": self._listed} if self._api else None


def found(shelf: Shelf) -> list[Attestation]:
    return attestations(cast(Registry, shelf), TARGET)


@pytest.mark.parametrize("api", [True, False])
def test_statements_are_found_with_and_without_the_api(api: bool) -> None:
    shelf = Shelf(api=api)
    content = bundle(SPDX, {"packages": []})

    manifest = shelf.put(content)

    assert found(shelf) == [Attestation(manifest.digest, SPDX, {"packages": []}, content)]


def test_an_image_without_any_has_none() -> None:
    assert found(Shelf(api=False)) == []


def test_other_things_that_refer_to_the_image_are_not_statements() -> None:
    shelf = Shelf(api=True)
    shelf.put(b"{}", media_type="application/spdx+json")

    assert found(shelf) == []


def test_a_listed_statement_about_another_image_is_left_out() -> None:
    shelf = Shelf(api=False)
    shelf.put(bundle(SPDX, {}), subject="sha256:other")

    assert found(shelf) == []


def test_a_bundle_that_cannot_be_read_is_there_all_the_same() -> None:
    """It must not vanish, so that verification refuses it."""
    shelf = Shelf(api=True)
    manifest = shelf.put(b"{damaged")

    assert found(shelf) == [Attestation(manifest.digest, "", None, b"{damaged")]
