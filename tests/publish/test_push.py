from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drydock import errors
from drydock.compression import GZIP, ZSTD
from drydock.image import Packed
from drydock.image.blob import Blob
from drydock.publish import labels
from drydock.publish.local import LocalImage
from drydock.publish.push import Permissions, manifest_of, refuse
from drydock.publish.reference import parse
from drydock.publish.registry import digest_of

TARGET = parse("registry.example/acme/todo:1.4.2")
LAYERS = tuple(
    Blob(f"sha256:{digit * 64}", f"sha256:{digit * 63}0", size) for digit, size in (("a", 100), ("b", 20))
)
PACKED = Packed(b'{"rootfs": {}}', LAYERS, {blob.digest: Path() for blob in LAYERS}, ZSTD)
LOCAL = LocalImage("sha256:1", (), {}, "linux/amd64", ())


def test_a_manifest_names_configuration_and_layers_as_they_are_sent() -> None:
    manifest = manifest_of(PACKED)

    assert (
        manifest.media_type == manifest.document["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    )
    assert manifest.config == digest_of(PACKED.configuration)
    assert manifest.layers == [(blob.digest, blob.size) for blob in LAYERS]
    assert {layer["mediaType"] for layer in manifest.document["layers"]} == {
        "application/vnd.oci.image.layer.v1.tar+zstd"
    }


def test_layers_of_another_compression_say_so() -> None:
    (first, *_) = manifest_of(replace(PACKED, compression=GZIP)).document["layers"]

    assert first["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"


def test_a_made_base_may_go_to_this_machine_alone() -> None:
    made = replace(LOCAL, config={"Labels": {labels.BASE_KIND: labels.MADE}})

    refuse(parse("127.0.0.1:5000/todo:1"), made, Permissions())
    refuse(TARGET, made, Permissions(made_base=True))
    with pytest.raises(errors.MadeBase):
        refuse(TARGET, made, Permissions())


def test_each_kind_of_failure_has_an_exit_code_of_its_own() -> None:
    codes = [
        kind.exit_code
        for kind in (
            errors.RegistryUnreachable,
            errors.LoginRefused,
            errors.PushDenied,
            errors.RegistryFailed,
            errors.DigestDiffers,
            errors.RegistryFault,
            errors.DirtyImage,
            errors.MadeBase,
            errors.BadCredentials,
        )
    ]
    assert codes == sorted(set(codes))
