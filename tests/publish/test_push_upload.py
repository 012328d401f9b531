"""Uploads to a real registry: each byte is sent once, despite accidents."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from drydock import image as images
from drydock.engine import Engine
from drydock.image.cache import Blob, Cache
from drydock.project.compression import GZIP, ZSTD, Compression
from drydock.publish import upload
from drydock.publish.errors import PushDenied, RegistryFault
from drydock.publish.event import Event, LayerProgress, State
from drydock.publish.push import Pushed, push
from drydock.publish.push import registry as client_of
from drydock.publish.reference import parse
from tests.support import registry as real
from tests.support.pushes import push_all
from tests.support.registry import CUT, HALF, LATE, STALL, Accident, tiny_image

pytestmark = pytest.mark.live

SIZE = 3_000_000
WAITS = (0.01, 0.01)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """Keep the tests' compressed layers and logins apart from the user's."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    made = Cache(tmp_path / "cache")
    monkeypatch.setattr("drydock.image.pack.user_cache", lambda: made)
    return made


@pytest.fixture
def image(engine: Engine) -> Iterator[str]:
    with tiny_image(engine, size=SIZE) as name:
        yield name


def states(events: list[Event]) -> list[State]:
    return [event.state for event in events if isinstance(event, LayerProgress)]


@pytest.mark.parametrize("compression", [ZSTD, GZIP, Compression.parse("zstd:19")], ids=str)
def test_the_registry_holds_exactly_what_was_weighed(
    engine: Engine, plain: real.Registry, image: str, cache: Cache, compression: Compression
) -> None:
    weighed = images.read(engine, image, compression=compression, cache=cache)
    repository = f"weighed/{compression.name}{compression.level}"
    pushed = push(engine, f"{plain.address}/{repository}:1", image=image, compression=compression)

    target = parse(pushed.reference)
    with client_of(engine, target) as client:
        manifest = client.manifest(repository, "1")
        assert manifest is not None
        layers = manifest.document["layers"]
        stored = [len(client.blob(repository, layer["digest"])) for layer in layers]
    assert stored == [layer["size"] for layer in layers] == [layer.on_wire for layer in weighed.layers]
    assert {layer["mediaType"] for layer in layers} == {compression.media_type}


def test_every_byte_that_passed_was_counted(engine: Engine, plain: real.Registry, image: str) -> None:
    with real.road(plain) as road:
        pushed = push_all(engine, image, [f"{road.address}/counted:{tag}" for tag in ("1", "latest")])
        manifests = 2 * len(manifest(engine, pushed))

    assert road.bytes == pushed.uploaded + manifests


def manifest(engine: Engine, pushed: Pushed) -> bytes:
    target = parse(pushed.reference)
    with client_of(engine, target) as client:
        found = client.manifest(target.repository, target.tag)
    assert found is not None
    return found.content


def test_another_repository_gets_a_layer_without_sending(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    with real.road(plain) as road:
        first = push(engine, f"{road.address}/fleet/one:1", image=image)
        before, events = road.bytes, list[Event]()
        second = push(engine, f"{road.address}/fleet/two:1", events.append, image=image)

    assert states(events)[-1] is State.MOUNTED
    assert road.bytes - before < 10_000
    assert (second.digest, second.layers_sent, second.layers_existing) == (first.digest, 0, 1)
    assert plain.tags("fleet/two") == {"1": first.digest}


def test_a_mount_that_is_refused_is_an_upload(engine: Engine, plain: real.Registry, image: str) -> None:
    with real.road(plain, Accident("POST", r"mount=", 403)) as road:
        push(engine, f"{road.address}/refusing/one:1", image=image)
        second = push(engine, f"{road.address}/refusing/two:1", image=image)

    assert second.layers_sent == 1
    assert plain.tags("refusing/two") == {"1": second.digest}


def test_an_upload_goes_on_where_it_broke_off(engine: Engine, plain: real.Registry, image: str) -> None:
    events: list[Event] = []
    with real.road(plain, Accident("PATCH", "/blobs/uploads/", HALF)) as road:
        pushed = push(engine, f"{road.address}/resumed:1", events.append, image=image, waits=WAITS)

    assert State.RETRYING in states(events)
    assert road.count("PATCH", "/blobs/uploads/") == 2
    # Sending half of the layer twice would add half of its size.
    assert SIZE < road.bytes < 1.1 * SIZE
    assert plain.tags("resumed") == {"1": pushed.digest}


def test_a_registry_that_forgot_an_upload_gets_it_anew(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    with real.road(
        plain, Accident("PATCH", "/blobs/uploads/", HALF), Accident("GET", "/blobs/uploads/", 404)
    ) as road:
        pushed = push(engine, f"{road.address}/forgotten:1", image=image, waits=WAITS)

    assert road.count("POST", "/blobs/uploads/") == 3  # the layer's two, and the configuration's
    assert plain.tags("forgotten") == {"1": pushed.digest}


def test_a_layer_that_is_refused_as_too_large_goes_in_chunks(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    too_large = Accident("PATCH", "/blobs/uploads/", 413, times=9, over=1_000_000)
    with real.road(plain, too_large) as road:
        pushed = push(engine, f"{road.address}/chunks:1", image=image, waits=WAITS)

    assert road.count("PATCH", "/blobs/uploads/") >= 5
    assert SIZE < road.bytes < 1.1 * SIZE
    assert plain.tags("chunks") == {"1": pushed.digest}


def test_a_registry_that_refuses_every_chunk_is_named(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    too_large = Accident("PATCH", "/blobs/uploads/", 413, times=99, over=0)
    with real.road(plain, too_large) as road, pytest.raises(RegistryFault, match="answered 413 to PATCH"):
        push(engine, f"{road.address}/refused:1", image=image, waits=WAITS)

    assert plain.tags("refused") == {}


def test_a_registry_that_stalls_is_found_out(
    engine: Engine, plain: real.Registry, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PATIENCE", httpx2.Timeout(2.0))
    with real.road(plain, Accident("PATCH", "/blobs/uploads/", STALL)) as road:
        pushed = push(engine, f"{road.address}/stalled:1", image=image, waits=WAITS)

    assert road.given_up.is_set()
    assert plain.tags("stalled") == {"1": pushed.digest}


@pytest.fixture
def layers(tmp_path: Path) -> dict[Blob, Path]:
    """Return files in place of compressed layers: one more than are sent at a time."""
    found = {}
    for number in range(upload.AT_ONCE + 1):
        path = tmp_path / f"layer-{number}"
        path.write_bytes(secrets.token_bytes(1000))
        digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        found[Blob(digest, digest, path.stat().st_size)] = path
    return found


def test_layers_are_sent_a_few_at_a_time(
    engine: Engine, plain: real.Registry, layers: dict[Blob, Path]
) -> None:
    # A single layer would wait here until the barrier breaks.
    together = threading.Barrier(upload.AT_ONCE)
    late = Accident("PATCH", "/blobs/uploads/", LATE, upload.AT_ONCE, then=lambda: together.wait(20))
    with (
        real.road(plain, late) as road,
        client_of(engine, parse(f"{road.address}/fleet:1")) as client,
    ):
        found = dict(upload.bring_all(client, "fleet", layers, lambda _: None))

    assert found == dict.fromkeys(layers, State.SENT)
    assert not together.broken


def test_the_first_layer_that_fails_ends_the_others(
    engine: Engine, plain: real.Registry, layers: dict[Blob, Path]
) -> None:
    refused = Accident("PATCH", "/blobs/uploads/", 403, times=9)
    with real.road(plain, refused) as road, client_of(engine, parse(f"{road.address}/ended:1")) as client:
        with pytest.raises(PushDenied):
            list(upload.bring_all(client, "ended", layers, lambda _: None))
        ended = len(road.requests)
        time.sleep(0.5)

        assert len(road.requests) <= ended + upload.AT_ONCE


@pytest.mark.parametrize("answer", [CUT, 503])
def test_a_fault_at_the_end_of_an_upload_is_survived(
    engine: Engine, plain: real.Registry, image: str, answer: int
) -> None:
    with real.road(plain, Accident("PUT", "/blobs/uploads/", answer)) as road:
        pushed = push(engine, f"{road.address}/end-{answer}:1", image=image, waits=WAITS)

    assert road.bytes < 1.1 * SIZE
    assert plain.tags(f"end-{answer}") == {"1": pushed.digest}


def test_a_layer_that_was_damaged_in_the_cache_is_made_again(
    engine: Engine, plain: real.Registry, image: str, tmp_path: Path
) -> None:
    first = push(engine, f"{plain.address}/sound:1", image=image)
    for blob in (tmp_path / "cache/blobs").iterdir():
        blob.write_bytes(b"damaged".ljust(blob.stat().st_size))

    again = push(engine, f"{plain.address}/sound:2", image=image)

    assert again.digest == first.digest


def test_a_cache_that_cannot_be_written_is_no_error(
    engine: Engine, plain: real.Registry, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("drydock.image.pack.user_cache", lambda: Cache(tmp_path / "file"))

    pushed = push(engine, f"{plain.address}/uncached:1", image=image)

    assert plain.tags("uncached") == {"1": pushed.digest}
