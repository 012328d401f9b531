"""One image on engines with different image stores: reading, sizes and packing agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drydock import image
from drydock.engine import Engine
from drydock.engine.find import Candidate
from drydock.errors import NoSpace
from drydock.image.cache import Cache
from drydock.project.compression import GZIP, ZSTD
from tests.image.making import (
    configuration,
    containerd_archive,
    digest,
    docker_archive,
    files_tar,
    write_archive,
)

LAYERS = [files_tar({"usr/bin/python3": b"\x7fELF" * 50_000}), files_tar({"app/main.py": "app = 1\n"})]
CONFIGURATION = configuration(LAYERS)
CONFIGURATION_DIGEST = digest(json.dumps(CONFIGURATION).encode())


@dataclass(frozen=True)
class Store:
    """An engine's way to save images.

    Args:
        files: Content of its `docker save` archive.
        image_id: The engine's id of the image.
    """

    files: Mapping[str, bytes]
    image_id: str


def containerd() -> Store:
    files = containerd_archive(LAYERS)
    (outer,) = json.loads(files["index.json"])["manifests"]
    index = json.loads(files[f"blobs/{outer['digest'].replace(':', '/')}"])
    return Store(files, index["manifests"][0]["digest"])


STORES: dict[str, Callable[[], Store]] = {
    "overlay2": lambda: Store(docker_archive(LAYERS), CONFIGURATION_DIGEST),
    "overlay2 before version 25": lambda: Store(docker_archive(LAYERS, legacy=True), CONFIGURATION_DIGEST),
    "containerd": containerd,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return STORES[request.param]()


@pytest.fixture
def engine(store: Store, tmp_path: Path) -> Engine:
    """An engine with one image, reduced to the calls of these tests."""
    archive = write_archive(tmp_path / "saved.tar", store.files).read_bytes()
    inspected = {
        "Id": store.image_id,
        "RootFS": {"Layers": CONFIGURATION["rootfs"]["diff_ids"]},
        "Config": CONFIGURATION["config"],
        "Architecture": "amd64",
        "Os": "linux",
    }

    def save(reference: str, chunk_size: int) -> Iterator[bytes]:
        return (archive[start : start + chunk_size] for start in range(0, len(archive), chunk_size))

    found = SimpleNamespace(attrs=inspected, history=list)
    sdk = SimpleNamespace(images=SimpleNamespace(get=lambda _: found), api=SimpleNamespace(get_image=save))
    engine = Engine(Candidate("unix:///nowhere", "a test"))
    engine.__dict__["sdk"] = sdk
    return engine


def wire(how: Any) -> list[int]:
    compressors = [how.compressor() for _ in LAYERS]
    return [len(one.compress(layer) + one.flush()) for one, layer in zip(compressors, LAYERS, strict=True)]


@pytest.mark.parametrize("compression", [ZSTD, GZIP], ids=str)
def test_both_sizes_are_the_same_on_every_store(engine: Engine, cache: Cache, compression: Any) -> None:
    read = image.read(engine, "shop:dev", compression=compression, cache=cache)
    assert [layer.on_disk for layer in read.layers] == list(map(len, LAYERS))
    assert [layer.on_wire for layer in read.layers] == wire(compression)
    # Now without reading any layer.
    assert image.read(engine, "shop:dev", compression=compression, cache=cache).layers == read.layers


def test_what_is_sent_is_the_same_on_every_store(engine: Engine, cache: Cache) -> None:
    with image.packed(engine, "shop:dev", cache=cache) as content:
        assert json.loads(content.configuration) == CONFIGURATION
        assert [blob.diff_id for blob in content.layers] == list(map(digest, LAYERS))
        assert [blob.size for blob in content.layers] == wire(ZSTD)
        for blob in content.layers:
            data = content.files[blob.digest].read_bytes()
            assert (digest(data), len(data)) == (blob.digest, blob.size)


def test_a_configuration_has_one_digest_whatever_the_images_id(engine: Engine, cache: Cache) -> None:
    assert image.configuration_digest(engine, "shop:dev", cache=cache) == CONFIGURATION_DIGEST
    assert image.configuration_digest(engine, "shop:dev", cache=cache) == CONFIGURATION_DIGEST


def test_without_a_cache_all_of_it_still_works(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = Cache(tmp_path / "file")
    assert image.read(engine, "shop:dev", cache=nowhere).on_wire == sum(wire(ZSTD))
    assert image.configuration_digest(engine, "shop:dev", cache=nowhere) == CONFIGURATION_DIGEST
    with image.packed(engine, "shop:dev", cache=nowhere) as content:
        assert [blob.size for blob in content.layers] == wire(ZSTD)


def test_no_room_for_what_is_sent_is_said_so(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cache, "blob_file", lambda *_: None)
    with (
        pytest.raises(NoSpace, match="no space left on the device during the compression of shop:dev"),
        image.packed(engine, "shop:dev", cache=Cache(tmp_path / "cache")),
    ):
        pass
