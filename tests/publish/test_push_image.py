"""Pushing images through the engine to real registries, and through a proxy with accidents."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock.engine import Engine
from drydock.engine.errors import ImageMissing
from drydock.image.cache import Cache
from drydock.publish import labels
from drydock.publish.engine_image import find
from drydock.publish.errors import (
    DigestDiffers,
    DirtyImage,
    IllegalTag,
    LoginRefused,
    MadeBase,
    PushDenied,
    RegistryFailed,
    RegistryUnreachable,
)
from drydock.publish.event import Event, LayerProgress, Retry, State
from drydock.publish.push import Permissions, Pushed, push
from drydock.publish.reference import parse
from drydock.publish.registry import Registry as Client
from tests.support import registry as real
from tests.support.process import free_port
from tests.support.pushes import push_all
from tests.support.registry import CUT, STALL, Accident, tiny_image

pytestmark = pytest.mark.live

WAITS = (0.01, 0.01)


@pytest.fixture
def image(engine: Engine) -> Iterator[str]:
    with tiny_image(engine) as name:
        yield name


@pytest.fixture(autouse=True)
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own logins out of the tests."""
    folder = tmp_path / "docker"
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    # The tests' compressed layers would push the user's own out of the cache.
    monkeypatch.setattr("drydock.image.pack.user_cache", lambda: Cache(tmp_path / "cache"))
    return folder


def names(engine: Engine, image: str) -> set[str]:
    return set(find(engine, image).names)


def test_a_pushed_image_is_on_the_registry(engine: Engine, plain: real.Registry, image: str) -> None:
    events: list[Event] = []

    pushed = push(engine, f"{plain.address}/fleet/todo:1.4.2", events.append, image=image)

    assert plain.tags("fleet/todo") == {"1.4.2": pushed.digest}
    assert pushed.reference == f"{plain.address}/fleet/todo:1.4.2"
    assert pushed.image == find(engine, image).id
    assert (pushed.layers_sent, pushed.layers_existing) == (1, 0)
    # One file of 1000 random bytes, which do not compress.
    assert 1000 < pushed.uploaded < 2000
    assert [event.state for event in events if isinstance(event, LayerProgress)][-1] is State.SENT
    assert names(engine, image) == {image}


def test_a_layer_that_is_there_is_not_sent_again(engine: Engine, plain: real.Registry, image: str) -> None:
    first = push(engine, f"{plain.address}/twice:1", image=image)
    second = push(engine, f"{plain.address}/twice:2", image=image)

    assert second.digest == first.digest
    assert (second.uploaded, second.layers_sent, second.layers_existing) == (0, 0, 1)


def test_all_tags_name_one_manifest_and_latest_moves_last(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    with real.road(plain) as road:
        tags = ("sha-0123456789ab", "1.4.2", "1.4", "1", "latest")
        pushed = push_all(engine, image, [f"{road.address}/all:{tag}" for tag in tags])
        puts = [
            path.rpartition("/")[2]
            for method, path in road.requests
            if "/manifests/" in path and method == "PUT"
        ]

    assert puts == list(tags)
    assert plain.tags("all") == dict.fromkeys(sorted(tags), pushed.digest)
    assert pushed.uploaded > 0
    assert names(engine, image) == {image}


def test_a_name_that_the_engine_knew_for_another_image_is_given_back(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    with tiny_image(engine) as older:
        name = f"{plain.address}/known:1"
        engine.sdk.api.tag(older, f"{plain.address}/known", "1")

        push(engine, name, image=image)

        assert find(engine, name).id == find(engine, older).id


def test_a_password_and_tls_are_used(
    engine: Engine, private: real.Registry, image: str, no_credentials: Path
) -> None:
    real.docker_configuration(no_credentials, private.address)

    pushed = push(engine, f"{private.address}/todo:1", image=image)

    assert private.tags("todo") == {"1": pushed.digest}


def test_a_credential_helper_is_asked(
    engine: Engine,
    private: real.Registry,
    image: str,
    no_credentials: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    helper = tmp_path / "bin/docker-credential-harbour"
    helper.parent.mkdir()
    helper.write_text(f'#!/bin/sh\necho \'{{"Username": "{real.USER}", "Secret": "{real.PASSWORD}"}}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:{os.environ['PATH']}")
    no_credentials.mkdir()
    configuration = {"credHelpers": {private.address: "harbour"}}
    (no_credentials / "config.json").write_text(json.dumps(configuration))

    pushed = push(engine, f"{private.address}/helped:1", image=image)

    assert private.tags("helped") == {"1": pushed.digest}


def test_a_registry_that_wants_tokens_gets_them(engine: Engine, image: str, no_credentials: Path) -> None:
    with real.token_registry() as tokens:
        real.docker_configuration(no_credentials, tokens.address)

        pushed = push_all(
            engine, image, [f"{tokens.address}/fleet/todo:{tag}" for tag in ("1.4.2", "latest")]
        )

        assert tokens.tags("fleet/todo") == dict.fromkeys(("1.4.2", "latest"), pushed.digest)


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_password_is_refused_at_once(
    engine: Engine, private: real.Registry, image: str, no_credentials: Path, password: str | None
) -> None:
    if password:
        real.docker_configuration(no_credentials, private.address, password)
    events: list[Event] = []

    with pytest.raises(LoginRefused) as caught:
        push(engine, f"{private.address}/refused:1", events.append, image=image)

    who = f"user '{real.USER}'" if password else "an anonymous user"
    assert str(caught.value).startswith(f"error: registry {private.address} refuses {who}: ")
    assert str(caught.value).endswith(
        f"; log in with `docker login {private.address}` and repeat the command"
    )
    assert not any(isinstance(event, Retry) for event in events)
    assert private.tags("refused") == {}
    assert names(engine, image) == {image}


def test_an_unreachable_registry_is_tried_again_and_named(engine: Engine, image: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    events: list[Event] = []

    with pytest.raises(RegistryUnreachable) as caught:
        push(engine, f"{address}/todo:1", events.append, image=image, waits=WAITS)

    assert str(caught.value).startswith(f"error: registry {address} cannot be reached: ")
    assert str(caught.value).endswith(
        "Connection refused (3 attempts); check its name and the network, then repeat the command"
    )
    assert [event.attempt for event in events if isinstance(event, Retry)] == [2, 3]
    assert names(engine, image) == {image}


def test_a_missing_image_is_an_error(engine: Engine, plain: real.Registry) -> None:
    with pytest.raises(ImageMissing) as caught:
        push(engine, f"{plain.address}/todo:1", image="drydock-test-nothing:1")
    assert str(caught.value) == (
        "error: image drydock-test-nothing:1 is not on this engine; build it with `drydock build`"
    )


def test_an_illegal_tag_is_refused_before_anything_is_sent(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    with pytest.raises(IllegalTag, match=r"'\+'"):
        push(engine, f"{plain.address}/illegal:1+2", image=image)
    assert plain.tags("illegal") == {}


def test_a_connection_cut_in_the_middle_of_a_layer_is_survived(engine: Engine, plain: real.Registry) -> None:
    with (
        tiny_image(engine, size=300_000) as image,
        real.road(plain, Accident("PATCH", "/blobs/uploads/", CUT)) as road,
    ):
        events: list[Event] = []
        pushed = push(engine, f"{road.address}/cut:1", events.append, image=image)

    assert plain.tags("cut") == {"1": pushed.digest}
    assert pushed.uploaded > 300_000
    states = [event.state for event in events if isinstance(event, LayerProgress)]
    assert State.RETRYING in states
    assert states[-1] is State.SENT


@pytest.mark.parametrize("answer", [CUT, 500, 503])
def test_a_fault_after_the_layers_is_survived(
    engine: Engine, plain: real.Registry, image: str, answer: int
) -> None:
    with real.road(plain, Accident("PUT", "/manifests/", answer)) as road:
        events: list[Event] = []
        pushed = push(engine, f"{road.address}/late-{answer}:1", events.append, image=image, waits=WAITS)

    assert len([event for event in events if isinstance(event, Retry)]) == 1
    assert plain.tags(f"late-{answer}") == {"1": pushed.digest}
    assert pushed.layers_sent == 1


def test_a_lasting_fault_leaves_the_old_tag(engine: Engine, plain: real.Registry, image: str) -> None:
    before = push(engine, f"{plain.address}/kept:1", image=image)
    with (
        tiny_image(engine) as newer,
        real.road(plain, Accident("PUT", "/manifests/", 503, times=99)) as road,
        pytest.raises(RegistryFailed) as caught,
    ):
        push(engine, f"{road.address}/kept:1", image=newer, waits=WAITS)

    assert str(caught.value) == (
        f"error: registry {road.address} fails: status 503: arranged 503 (3 attempts); "
        "read its log, then repeat the command: layers that arrived are not sent again"
    )
    assert plain.tags("kept") == {"1": before.digest}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/blobs/uploads/"), ("PATCH", "/blobs/uploads/"), ("PUT", "/manifests/")]
)
def test_access_denied_midway_is_not_tried_again(
    engine: Engine, plain: real.Registry, image: str, method: str, path: str
) -> None:
    with real.road(plain, Accident(method, path, 403, times=99)) as road:
        with pytest.raises(PushDenied, match="denies access to denied: arranged 403"):
            push(engine, f"{road.address}/denied:1", image=image, waits=WAITS)
        asked = road.count(method, path)

    assert asked == 1
    assert plain.tags("denied") == {}


def test_a_login_that_ends_midway_is_not_tried_again(
    engine: Engine, plain: real.Registry, image: str
) -> None:
    with (
        real.road(plain, Accident("PUT", "/blobs/uploads/", 401, times=99)) as road,
        pytest.raises(LoginRefused),
    ):
        push(engine, f"{road.address}/ended:1", image=image, waits=WAITS)

    assert plain.tags("ended") == {}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, as in a shell's foreground; a background process ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_push_stops_sending_and_leaves_nothing(engine: Engine, plain: real.Registry) -> None:
    with (
        tiny_image(engine, size=20_000_000) as image,
        real.road(plain, Accident("PATCH", "/blobs/uploads/", STALL)) as road,
    ):

        def interrupt() -> None:
            road.stalled.wait(30)
            os.kill(os.getpid(), signal.SIGINT)

        person = threading.Thread(target=interrupt)
        person.start()
        with pytest.raises(KeyboardInterrupt):
            push(engine, f"{road.address}/interrupted:1", image=image)
        person.join()

        assert road.given_up.wait(10), "the engine still sends"
        assert names(engine, image) == {image}
    assert plain.tags("interrupted") == {}


def test_an_interruption_between_two_lines_stops_sending_too(engine: Engine, plain: real.Registry) -> None:
    with (
        tiny_image(engine, size=20_000_000) as image,
        real.road(plain, Accident("PATCH", "/blobs/uploads/", STALL)) as road,
    ):

        def interrupt(event: Event) -> None:
            if isinstance(event, LayerProgress) and event.state is State.SENDING and road.stalled.wait(30):
                raise KeyboardInterrupt

        # The traceback in `caught` must not keep the connection alive.
        with pytest.raises(KeyboardInterrupt) as caught:
            push(engine, f"{road.address}/between:1", interrupt, image=image)

        assert caught.tb is not None
        assert road.given_up.wait(10), "the engine still sends"
        assert names(engine, image) == {image}
    assert plain.tags("between") == {}


def test_an_image_that_another_push_replaced_is_noticed(
    engine: Engine, plain: real.Registry, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = f"{plain.address}/raced:1"
    with tiny_image(engine) as other:
        theirs = push(engine, f"{plain.address}/raced:other", image=other)
        ask = Client.manifest

        def moved_meanwhile(self: Client, repository: str, name: str) -> object:
            manifest = ask(self, repository, "other")
            assert manifest is not None
            self.put_manifest(repository, "1", manifest)
            return ask(self, repository, name)

        monkeypatch.setattr(Client, "manifest", moved_meanwhile)
        with pytest.raises(DigestDiffers) as caught:
            push(engine, reference, image=image)
    assert str(caught.value).startswith(f"error: {reference} on the registry is {theirs.digest}, not ")


def test_an_image_of_a_dirty_tree_needs_leave(engine: Engine, plain: real.Registry) -> None:
    with tiny_image(engine, {labels.DIRTY: "true"}) as image:
        with pytest.raises(DirtyImage) as caught:
            push(engine, f"{plain.address}/dirty:1", image=image)
        assert plain.tags("dirty") == {}

        push(engine, f"{plain.address}/dirty:1", image=image, permissions=Permissions(dirty=True))

    assert str(caught.value) == (
        f"error: {plain.address}/dirty:1 was built from a working tree with uncommitted changes; "
        "commit and build again, or push with --allow-dirty"
    )
    assert list(plain.tags("dirty")) == ["1"]


def test_a_dirty_tag_needs_leave(engine: Engine, plain: real.Registry, image: str) -> None:
    with pytest.raises(DirtyImage):
        push(engine, f"{plain.address}/dirty-tag:1.4.2-dirty", image=image)
    assert plain.tags("dirty-tag") == {}


def test_an_image_on_a_made_base_stays_on_this_machine(engine: Engine, plain: real.Registry) -> None:
    with tiny_image(engine, {labels.BASE_KIND: labels.MADE}) as image:
        push(engine, f"{plain.address}/made:1", image=image)
        with pytest.raises(MadeBase) as caught:
            push(engine, "registry.invalid/made:1", image=image)
        allowed = Permissions(made_base=True)
        with pytest.raises(RegistryUnreachable):
            push(engine, "registry.invalid/made:1", image=image, permissions=allowed, waits=())

    assert list(plain.tags("made")) == ["1"]
    assert str(caught.value) == (
        "error: registry.invalid/made:1 is built on a base image made on this machine, and registry.invalid "
        "is on another machine; build on a published base, or push with --allow-made-base"
    )


def test_a_reference_without_a_tag_is_latest(engine: Engine, plain: real.Registry, image: str) -> None:
    pushed: Pushed = push(engine, f"{plain.address}/untagged", image=image)

    assert parse(pushed.reference).tag == "latest"
    assert plain.tags("untagged") == {"latest": pushed.digest}
