from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.image import archive, record
from drydock.image.archive import read_archive
from drydock.image.cache import Cache
from drydock.image.errors import AmbiguousImage, DamagedImage
from drydock.image.model import Image, content_digest
from drydock.project.compression import GZIP, ZSTD, Compression
from tests.image.making import (
    Entry,
    containerd_archive,
    digest,
    docker_archive,
    files_tar,
    layer_tar,
    oci_layout,
    write_archive,
    write_folder,
)

LAYERS = [files_tar({"usr/bin/python3": b"\x7fELF" * 5000}), files_tar({"app/main.py": "app = 1\n"})]
SETTINGS = {"User": "10001", "Env": ["PORT=8000"], "Labels": {"revision": "abc"}}

# `docker save` archives with the classic image store, with containerd's, and before version 25.
STORES: dict[str, Callable[[Path], Path]] = {
    "overlay2": lambda path: write_archive(path, docker_archive(LAYERS, **SETTINGS)),
    "containerd": lambda path: write_archive(path, containerd_archive(LAYERS, **SETTINGS)),
    "old": lambda path: write_archive(path, docker_archive(LAYERS, legacy=True, **SETTINGS)),
}
WAYS: dict[str, Callable[[Path], Path]] = {
    "containerd archive": lambda path: write_archive(
        path / "image.tar", containerd_archive(LAYERS, **SETTINGS)
    ),
    "docker archive": lambda path: write_archive(path / "image.tar", docker_archive(LAYERS, **SETTINGS)),
    "old docker archive": lambda path: write_archive(
        path / "image.tar", docker_archive(LAYERS, legacy=True, **SETTINGS)
    ),
    "OCI archive": lambda path: write_archive(path / "image.tar", oci_layout(LAYERS, **SETTINGS)),
    "OCI folder": lambda path: write_folder(path / "image", oci_layout(LAYERS, **SETTINGS)),
    "uncompressed OCI folder": lambda path: write_folder(
        path / "image", oci_layout(LAYERS, compress=False, **SETTINGS)
    ),
}


@pytest.fixture(params=WAYS)
def image(request: pytest.FixtureRequest, tmp_path: Path, cache: Cache) -> Image:
    """The same image, read from each kind of archive."""
    return read_archive(WAYS[request.param](tmp_path), architecture="amd64", cache=cache)


def test_every_kind_of_archive_gives_the_same_image(image: Image) -> None:
    assert [layer.diff_id for layer in image.layers] == [digest(layer) for layer in LAYERS]
    assert [layer.instruction for layer in image.layers] == ["COPY layer-0 /", "COPY layer-1 /"]
    assert image.on_disk == sum(map(len, LAYERS))
    assert [file.path for layer in image.layers for file in layer.files] == [
        "/usr/bin/python3",
        "/app/main.py",
    ]
    assert (image.config.user, image.config.variables) == ("10001", {"PORT": "8000"})
    assert image.config.labels == {"revision": "abc"}


def test_content_digest_is_the_same_everywhere(image: Image, tmp_path: Path, cache: Cache) -> None:
    other = write_folder(tmp_path / "other", oci_layout(LAYERS, **SETTINGS))
    assert content_digest(image) == content_digest(read_archive(other, architecture="amd64", cache=cache))


@pytest.mark.parametrize("compression", [ZSTD, GZIP, Compression.parse("zstd:19")], ids=str)
def test_however_layers_are_stored_they_weigh_what_is_sent(
    tmp_path: Path, cache: Cache, compression: Compression
) -> None:
    weights = {
        read_archive(way(tmp_path / name), architecture="amd64", compression=compression, cache=cache).on_wire
        for name, way in STORES.items()
    }
    sent = []
    for layer in LAYERS:
        compressor = compression.compressor()
        sent.append(len(compressor.compress(layer) + compressor.flush()))
    assert weights == {sum(sent)}


def test_only_a_new_layer_is_analysed(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    read_archive(write_archive(tmp_path / "one.tar", docker_archive(LAYERS)), cache=cache)
    seen = []

    def spy(blob: io.BufferedReader, name: str, *rest: Any) -> record.Record:
        seen.append(name)
        return analyse(blob, name, *rest)

    analyse = record.analyse
    monkeypatch.setattr("drydock.image.cache.analyse", spy)
    new = files_tar({"app/main.py": "app = 2\n"})
    read_archive(write_archive(tmp_path / "two.tar", docker_archive([LAYERS[0], new])), cache=cache)
    assert seen == [f"blobs/{digest(new).replace(':', '/')}"]


def test_equal_layers_are_stored_once_and_counted_twice(tmp_path: Path, cache: Cache) -> None:
    image = read_archive(write_archive(tmp_path / "image.tar", docker_archive([LAYERS[1]] * 2)), cache=cache)
    assert image.on_disk == 2 * len(LAYERS[1])


@pytest.mark.parametrize(
    ("kind", "target"), [(tarfile.SYMTYPE, "../0/layer.tar"), (tarfile.LNKTYPE, "0/layer.tar")]
)
def test_layer_that_is_a_link_is_followed(tmp_path: Path, cache: Cache, kind: bytes, target: str) -> None:
    files = docker_archive([LAYERS[0]] * 2, legacy=True)
    members = [Entry(name, content) for name, content in files.items() if name != "1/layer.tar"]
    path = tmp_path / "image.tar"
    path.write_bytes(layer_tar([*members, Entry("1/layer.tar", type=kind, link=target)]))
    assert len(read_archive(path, cache=cache).layers) == 2


def two_platforms() -> dict[str, bytes]:
    files = {**oci_layout(LAYERS), **oci_layout(LAYERS, architecture="arm64")}
    manifests = [
        json.loads(oci_layout(LAYERS, architecture=name)["index.json"])["manifests"][0]
        for name in ("amd64", "arm64")
    ]
    return {**files, "index.json": json.dumps({"manifests": manifests}).encode()}


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_one_platform_of_several_is_chosen(tmp_path: Path, cache: Cache, architecture: str) -> None:
    folder = write_folder(tmp_path / "image", two_platforms())
    assert read_archive(folder, architecture=architecture, cache=cache).config.architecture == architecture


def test_the_only_platform_is_taken_whatever_the_machine(tmp_path: Path, cache: Cache) -> None:
    folder = write_folder(tmp_path / "image", oci_layout(LAYERS, architecture="arm64"))
    assert read_archive(folder, architecture="amd64", cache=cache).config.architecture == "arm64"


def test_platform_that_is_not_there_lists_those_that_are(tmp_path: Path, cache: Cache) -> None:
    folder = write_folder(tmp_path / "image", two_platforms())
    with pytest.raises(AmbiguousImage, match=r"contains 2 images: amd64, arm64"):
        read_archive(folder, architecture="riscv64", cache=cache)


def test_archive_of_two_images_lists_them(tmp_path: Path, cache: Cache) -> None:
    files = docker_archive(LAYERS)
    (entry,) = json.loads(files["manifest.json"])
    files["manifest.json"] = json.dumps([entry, {**entry, "RepoTags": ["shop:other"]}]).encode()
    with pytest.raises(AmbiguousImage, match=r"contains 2 images: shop:dev, shop:other"):
        read_archive(write_archive(tmp_path / "image.tar", files), cache=cache)


def test_layer_with_another_digest_raises(tmp_path: Path, cache: Cache) -> None:
    files = docker_archive(LAYERS)
    name = json.loads(files["manifest.json"])[0]["Layers"][1]
    files[name] = files_tar({"app/main.py": "app = 'forged'\n"})
    with pytest.raises(DamagedImage, match=r"has the digest sha256:\w+, not sha256:"):
        read_archive(write_archive(tmp_path / "image.tar", files), cache=cache)


@pytest.mark.parametrize("lost", ["a layer", "the configuration", "the manifest"])
def test_missing_part_is_named(tmp_path: Path, cache: Cache, lost: str) -> None:
    files = docker_archive(LAYERS)
    (entry,) = json.loads(files["manifest.json"])
    name = {"a layer": entry["Layers"][0], "the configuration": entry["Config"]}.get(lost, "manifest.json")
    del files[name]
    with pytest.raises(DamagedImage, match=name):
        read_archive(write_archive(tmp_path / "image.tar", files), cache=cache)


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (b"{", "manifest.json is not JSON"),
        (b"[{}]", "its manifest lacks 'Config'"),
        (b'["text"]', "its manifest lacks"),
    ],
)
def test_malformed_manifest_raises(tmp_path: Path, cache: Cache, manifest: bytes, problem: str) -> None:
    files = {**docker_archive(LAYERS), "manifest.json": manifest}
    with pytest.raises(DamagedImage, match=problem):
        read_archive(write_archive(tmp_path / "image.tar", files), cache=cache)


def test_fewer_layers_than_diff_ids_raises(tmp_path: Path, cache: Cache) -> None:
    files = docker_archive(LAYERS)
    (entry,) = json.loads(files["manifest.json"])
    files["manifest.json"] = json.dumps([{**entry, "Layers": entry["Layers"][:1]}]).encode()
    with pytest.raises(DamagedImage, match="1 layers for 2 diff ids"):
        read_archive(write_archive(tmp_path / "image.tar", files), cache=cache)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"text", "it is not a tar archive"),
        (gzip.compress(b"text", mtime=0), "it is compressed with gzip as a whole"),
    ],
)
def test_file_that_is_no_archive_says_what_it_is(
    tmp_path: Path, cache: Cache, content: bytes, problem: str
) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    with pytest.raises(DamagedImage, match=problem):
        read_archive(path, cache=cache)


def test_absent_file_raises(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(DamagedImage, match="No such file"):
        read_archive(tmp_path / "image.tar", cache=cache)


def test_history_that_does_not_fit_is_left_out() -> None:
    history = [{"created_by": "RUN a"}, {"created_by": "ENV A=1", "empty_layer": True}]
    assert archive.instructions(history, 1) == ["RUN a"]
    assert archive.instructions(history, 2) == ["", ""]
