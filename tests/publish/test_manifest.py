from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from drydock.image import Packed
from drydock.image.cache import Blob
from drydock.project.compression import GZIP, ZSTD
from drydock.publish.push import index_of, manifest_of
from drydock.publish.registry import digest_of

LAYERS = tuple(
    Blob(f"sha256:{digit * 64}", f"sha256:{digit * 63}0", size) for digit, size in (("a", 100), ("b", 20))
)
PACKED = Packed(b'{"rootfs": {}}', LAYERS, {blob.digest: Path() for blob in LAYERS}, ZSTD)


def test_a_manifest_names_configuration_and_layers_as_they_are_sent() -> None:
    manifest = manifest_of(PACKED)

    assert (
        manifest.media_type == manifest.document["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    )
    assert manifest.config == digest_of(PACKED.configuration)
    kind = "application/vnd.oci.image.layer.v1.tar+zstd"
    assert manifest.document["layers"] == [
        {"mediaType": kind, "digest": blob.digest, "size": blob.size} for blob in LAYERS
    ]


def test_layers_of_another_compression_say_so() -> None:
    (first, *_) = manifest_of(replace(PACKED, compression=GZIP)).document["layers"]

    assert first["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"


def test_an_index_names_the_platform_of_each_image() -> None:
    contents = [
        replace(PACKED, configuration=b'{"architecture": "amd64", "os": "linux"}'),
        replace(PACKED, configuration=b'{"architecture": "arm64", "os": "linux", "variant": "v8"}'),
    ]
    manifests = [manifest_of(content) for content in contents]

    index = index_of(contents, manifests)

    assert index.media_type == index.document["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert [entry["platform"] for entry in index.document["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
    ]
    assert [entry["digest"] for entry in index.document["manifests"]] == [one.digest for one in manifests]
